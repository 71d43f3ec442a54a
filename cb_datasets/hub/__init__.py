"""The dataset folder and its way to the Hub and back: card, manifest, reports, versions, JSONL."""

from cb_datasets.hub.folder import CONFIGS, read_folder, write_folder
from cb_datasets.hub.jsonl import export_jsonl
from cb_datasets.hub.load import load_sets
from cb_datasets.hub.push import Pushed, push_to_hub
from cb_datasets.hub.reports import attach_report

__all__ = [
    "CONFIGS",
    "Pushed",
    "attach_report",
    "export_jsonl",
    "load_sets",
    "push_to_hub",
    "read_folder",
    "write_folder",
]
