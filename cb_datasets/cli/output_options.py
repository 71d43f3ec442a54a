"""Options of every command that writes or prints something."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from cb_datasets.options import Option


class OverwriteOptions(TypedDict, total=False):
    """Where to write."""

    overwrite: Annotated[bool, Option(False, "Replace a folder or file that is there.")]


class JSONOptions(TypedDict, total=False):
    """Where to write."""

    as_json: Annotated[bool, Option(False, "Print the report as JSON.", flag="--json")]
