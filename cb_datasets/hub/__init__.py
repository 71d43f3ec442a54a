"""The dataset folder: parquet, card, manifest, gate report; and the JSONL export."""

from cb_datasets.hub.folder import CONFIGS, read_folder, write_folder
from cb_datasets.hub.jsonl import export_jsonl

__all__ = ["CONFIGS", "export_jsonl", "read_folder", "write_folder"]
