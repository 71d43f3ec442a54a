"""Exports: the sets as files and tables that one trainer opens, one trainer a file.

In: the sets, and what an export may be told. Out: tables by name, the files they go into, and why a
row is in none of them.
"""

from cb_datasets.training.exports.export import EXPORTS, Export, Table
from cb_datasets.training.exports.trainer_rows import TrainerRows, list_exports, trainer_rows

__all__ = ["EXPORTS", "Export", "Table", "TrainerRows", "list_exports", "trainer_rows"]
