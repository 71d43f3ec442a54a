"""The four stages as callables for `Dataset.map(..., batched=True)`.

Each takes a batch (columns of lists) and returns the columns it adds; `BatchGenerate` makes one
row a sample. All are picklable, and their fingerprints change with their configuration or their
code, and only then.
"""

from cb_datasets.transforms.format_prompt import FormatPrompt
from cb_datasets.transforms.generate import BatchGenerate
from cb_datasets.transforms.label import LabelOutcome
from cb_datasets.transforms.parse import ParseToolCalls

__all__ = ["BatchGenerate", "FormatPrompt", "LabelOutcome", "ParseToolCalls"]
