"""The built-in suite of harmless tool-flip scenarios: its tools, its texts, how they are put
together. `cb_datasets.sources.demo` is the way in.
"""
