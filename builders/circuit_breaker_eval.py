"""The builder of the eval set: prompts held out from training, with criteria to grade by."""

from __future__ import annotations

from cb_datasets.builders.set_builder import SetBuilder
from cb_datasets.records import EvalRow, Scenario


class CircuitBreakerEval(SetBuilder):
    """The eval set as a `datasets` builder; split `test`. Nothing is sampled for it.

    Example:
        >>> builder = CircuitBreakerEval(config_name="agentdojo", data_files="traces/")
        ... # doctest: +SKIP
        >>> builder.download_and_prepare()  # doctest: +SKIP
        >>> builder.as_dataset(split="test")[0]["kind"]  # doctest: +SKIP
        'multi_turn'
    """

    SET = "eval"
    RECORD = EvalRow
    SPLIT = "test"
    TITLE = (
        "The eval set for circuit breakers: prompts of groups that are in neither Ds nor Dr, with "
        "success criteria that a program can grade."
    )

    @staticmethod
    def takes(scenario: Scenario, held_out: bool) -> bool:
        """Scenarios that are held out."""
        return held_out
