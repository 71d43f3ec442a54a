"""Ds, Dr and eval: selection, splits, pairing with benign twins."""

from cb_datasets.sets.build import SetBuild, SetOptions, Sets, build_sets

__all__ = ["SetBuild", "SetOptions", "Sets", "build_sets"]
