"""The dataset folder: tables, account, card, manifest, pictures, reports.

In: the sets of a build. Out: a folder that `load_dataset` reads and that is whole or not there.
"""

from __future__ import annotations

from cb_datasets.dataset.folder import CONFIGS, read_folder, write_folder
from cb_datasets.dataset.jsonl import export_jsonl
from cb_datasets.dataset.reports import attach_report

__all__ = ["CONFIGS", "attach_report", "export_jsonl", "read_folder", "write_folder"]
