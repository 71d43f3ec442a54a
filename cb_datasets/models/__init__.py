"""A model as it lies on disk or the Hub: its files, tokenizer, adapter, and how it is loaded.

In: a folder, a Hub id, or nothing for the bundled tiny agent. Out: files with a name and a
revision, a tokenizer, weights on a device.
"""

DTYPES = ("auto", "float64", "float32", "bfloat16", "float16")
"""What a model can run in; `auto` chooses (see `loading.place`)."""
