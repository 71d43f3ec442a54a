"""Ds, Dr and eval: selection, splits, pairing with benign twins."""

from cb_datasets.dataset.sets import Sets
from cb_datasets.sets.build import build_sets
from cb_datasets.sets.options import BuildOptions, build_options
from cb_datasets.sets.set_build import SetBuild

__all__ = ["BuildOptions", "SetBuild", "Sets", "build_options", "build_sets"]
