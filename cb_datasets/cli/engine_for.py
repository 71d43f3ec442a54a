"""Which engine a build has: the one that was named, the tiny agent for a try, or none.

Where everything is recorded nothing is sampled, and a default model would only lend the rows its
tokenizer: ids of a toy vocabulary in rows of a real model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cb_datasets.assets import TINY_AGENT_NAME
from cb_datasets.cli.engine_options import EngineOptions, engine_of
from cb_datasets.engines.backend import DEFAULT_BACKEND
from cb_datasets.errors import BuildError

if TYPE_CHECKING:
    from datasets import Dataset

    from cb_datasets.engines import Engine


def engine_for(scenarios: Dataset, given: EngineOptions) -> Engine | None:
    """The engine that these options ask for, or the one that the scenarios need.

    Returns:
        None where no engine was named and every scenario has a recorded completion.

    Raises:
        BuildError: No engine was named, and some scenarios are recorded while others have to be
            sampled.
        EngineError: See `engine_of`.
    """
    if is_named(given):
        return engine_of(given)
    recorded, unsaid = set[str](), set[str]()
    light = scenarios.select_columns(["source", "set_aside", "recorded"]).with_format("arrow")
    for table in light.iter(batch_size=1000):
        for row in table.to_pylist():
            if row["set_aside"] is None:
                (recorded if _by_another(row["recorded"]) else unsaid).add(row["source"])
    if recorded and unsaid:
        raise BuildError(
            f"completions of {', '.join(sorted(recorded))} are recorded, and those of "
            f"{', '.join(sorted(unsaid))} have to be sampled: name the model that samples them "
            "(--model), whose tokenizer makes the token ids of all rows"
        )
    return None if recorded else engine_of(given)


def is_named(given: EngineOptions) -> bool:
    """Whether an engine was asked for: a model, or another backend than the default one."""
    return given["model"] is not None or given["backend"] != DEFAULT_BACKEND


def _by_another(recorded: dict[str, Any] | None) -> bool:
    """Whether a completion is there that the bundled tiny agent did not make."""
    return recorded is not None and recorded["model"] != TINY_AGENT_NAME
