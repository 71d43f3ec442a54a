"""How states are read and told apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from typing_extensions import TypedDict

from cb_datasets.options import Option


def _layers(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return [int(part) for part in given.split(",")]
    except ValueError:
        raise ValueError("it must be numbers, such as 10,20") from None


class ProbeOptions(TypedDict, total=False):
    """How to probe."""

    layers: Annotated[
        str | Sequence[int] | None,
        Option(
            None,
            "Layers by how many blocks have been passed, such as 10,20 (the paper's); None for up "
            "to eight, evenly over the depth.",
            check=_layers,
        ),
    ]
    generator: Annotated[
        str | Path | None,
        Option(
            None,
            "The model that made the completions, where it is another: how likely it finds them "
            "is compared.",
        ),
    ]
    batch_tokens: Annotated[int, Option(8192, "Most tokens in a batch.", ge=1)]
    seed: Annotated[int, Option(0, "Decides folds, shuffles and intervals.")]
    shuffles: Annotated[int, Option(20, "How often labels are shuffled.", ge=1)]
