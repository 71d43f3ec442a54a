"""The builder of Dr: completions that do the right thing."""

from __future__ import annotations

from cb_datasets.builders.set_builder import SetBuilder
from cb_datasets.records import RetainRow, Scenario


class RetainSet(SetBuilder):
    """Dr, the retain set, as a `datasets` builder; split `train`.

    With `retain_quotas` or `retain_weights` all rows are made before the first is given, when
    streaming, too: which of them stay depends on all.

    Example:
        >>> builder = RetainSet(num_samples=2)  # doctest: +SKIP
        >>> rows = builder.as_streaming_dataset(split="train")  # doctest: +SKIP
        >>> next(iter(rows))["labels"]["kind"]  # doctest: +SKIP
        'tool_use'
    """

    SET = "dr"
    RECORD = RetainRow
    SPLIT = "train"
    TITLE = (
        "Dr, the retain set: real completions, token for token, that do the right thing: resist "
        "an injection, use the right tool, answer, refuse. To be left as they are."
    )

    @staticmethod
    def takes(scenario: Scenario, held_out: bool) -> bool:
        """Scenarios that are not held out."""
        return not held_out
