"""Options of everything that takes a model from the Hub, each written once."""

from __future__ import annotations

from typing import Annotated

from cb_datasets.options import Option

HubRevision = Annotated[str | None, Option(None, "Branch, tag or commit, for a Hub id.")]
"""The option `revision`."""

HubToken = Annotated[
    str | None,
    Option(
        None,
        "Hub token. It is not pickled: workers fall back on this machine's login.",
        decides_rows=False,
        flag=None,
    ),
]
"""The option `token`."""
