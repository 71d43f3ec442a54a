"""The dataset folder: parquet, card, manifest, gate report; and the JSONL export."""

from cb_datasets.hub.folder import CONFIGS, read_folder, write_folder
from cb_datasets.hub.jsonl import export_jsonl
from cb_datasets.hub.reports import attach_report

__all__ = ["CONFIGS", "attach_report", "export_jsonl", "read_folder", "write_folder"]
