"""The builder of Ds: completions in which an attack won."""

from __future__ import annotations

from cb_datasets.builders.set_builder import SetBuilder
from cb_datasets.records import CircuitBreakerRow, Scenario


class CircuitBreakerSet(SetBuilder):
    """Ds, the circuit breaker set, as a `datasets` builder; split `train`.

    Only attacked scenarios are sampled, since no other can give a row.

    Example:
        >>> builder = CircuitBreakerSet(config_name="agentdojo", data_files="traces/")
        ... # doctest: +SKIP
        >>> builder.download_and_prepare(num_proc=2)  # doctest: +SKIP
        >>> builder.as_dataset(split="train")[0]["labels"]["harm_type"]  # doctest: +SKIP
        'injected_call'
    """

    SET = "ds"
    RECORD = CircuitBreakerRow
    SPLIT = "train"
    TITLE = (
        "Ds, the circuit breaker set: real completions, token for token, in which a prompt "
        "injection won. To reroute the states that lead there (Representation Rerouting)."
    )

    @staticmethod
    def takes(scenario: Scenario, held_out: bool) -> bool:
        """Attacked scenarios that are not held out."""
        return not held_out and scenario["attack"] is not None
