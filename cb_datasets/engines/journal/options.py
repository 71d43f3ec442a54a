"""Whether finished samples are kept, and what becomes of those that are there."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from typing_extensions import TypedDict

from cb_datasets.options import Option

Resume = Literal["auto", "always", "never"]


class JournalOptions(TypedDict, total=False):
    """How to sample: what is kept of it."""

    journal: Annotated[
        str | os.PathLike[str] | None,
        Option(
            None,
            "A folder or fsspec URL where every finished sample is kept at once. Samples that are "
            "there already, from a run that was interrupted say, are not made again.",
            decides_rows=False,
        ),
    ]
    resume: Annotated[
        Resume,
        Option(
            "auto",
            "`auto` goes on from the journal where it holds something, `always` insists that it "
            "does, `never` makes every sample anew.",
            decides_rows=False,
        ),
    ]
