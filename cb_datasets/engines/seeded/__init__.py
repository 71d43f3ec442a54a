"""Sampling by seeds, for the engines that choose tokens themselves."""
