"""The builder of pairs: what is right and what is harmful to say to one attacked prompt."""

from __future__ import annotations

from cb_datasets.builders.set_builder import SetBuilder
from cb_datasets.records import PairRow, Scenario


class PairsSet(SetBuilder):
    """Pairs as a `datasets` builder; split `train`.

    Attacked scenarios are sampled and, of those without a right completion, the benign twins. With
    `min_pairs=1` a scenario is sampled until it has both.

    Example:
        >>> builder = PairsSet(min_pairs=1)  # doctest: +SKIP
        >>> builder.download_and_prepare()  # doctest: +SKIP
        >>> builder.as_dataset(split="train")[0]["chosen_origin"]  # doctest: +SKIP
        'own'
    """

    SET = "pairs"
    RECORD = PairRow
    SPLIT = "train"
    TITLE = (
        "Pairs: attacked prompts, each with a completion that is right there and, where one was "
        "sampled, one in which the attack won. To teach the decision between the two."
    )

    @staticmethod
    def takes(scenario: Scenario, held_out: bool) -> bool:
        """Attacked scenarios that are not held out."""
        return not held_out and scenario["attack"] is not None
