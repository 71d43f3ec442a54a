"""Baselines: how far rows can be told apart without looking at a single state.

In: rows. Out: features for the same linear probe. A probe on states that is no better than these
may have found lengths, tool names or words, and no state that does harm.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from cb_datasets.probing.rows import ProbeRows

if TYPE_CHECKING:
    import numpy.typing as npt

READ_TO_NAME = ("tool_name", "bag_to_name")
"""The baselines that know no more than a state at the tool's name has read."""


def baseline_features(rows: ProbeRows) -> dict[str, Any]:
    """The features of each baseline, dense or sparse, a line a row.

    Returns:
        `length`: tokens of prompt and completion, and their logarithms; `tool_name`: which tool is
        called, if any; `bag_to_name`: how often each token is there up to the place where a state
        at the tool's name is taken, prompt and completion each for itself; `bag_of_tokens`: the
        same to the end.
    """
    return {
        "length": _lengths(rows),
        "tool_name": _tool_names(rows),
        "bag_to_name": _bag(rows, whole=False),
        "bag_of_tokens": _bag(rows, whole=True),
    }


def _lengths(rows: ProbeRows) -> npt.NDArray[np.float64]:
    sizes = np.array([[row.prompt, row.completion] for row in rows.facts], np.float64)
    return np.concatenate([sizes, np.log(sizes)], axis=1)


def _tool_names(rows: ProbeRows) -> Any:
    from scipy.sparse import csr_matrix

    names = {name: n for n, name in enumerate(sorted({row.tool for row in rows.facts}))}
    columns = [names[row.tool] for row in rows.facts]
    ones = np.ones(len(columns))
    return csr_matrix((ones, (range(len(columns)), columns)), (len(columns), len(names)))


def _bag(rows: ProbeRows, *, whole: bool) -> Any:
    from scipy.sparse import csr_matrix

    columns: list[npt.NDArray[np.int64]] = []
    values: list[npt.NDArray[np.float32]] = []
    ends = [0]
    for number, row in enumerate(rows.facts):
        ((prompt, said),) = rows.token_ids([number])
        said = said if whole else said[: row.name_at + 1 - len(prompt)]
        # Even columns are tokens of prompts, odd ones those of completions.
        counts = Counter(2 * token for token in prompt)
        counts.update(2 * token + 1 for token in said)
        columns.append(np.fromiter(counts.keys(), np.int64))
        values.append(np.log1p(np.fromiter(counts.values(), np.float32)))
        ends.append(ends[-1] + len(counts))
    # Tokens that do not occur are no columns: vocabularies are large.
    occurring, columns_of = np.unique(np.concatenate(columns), return_inverse=True)
    shape = (len(rows.facts), len(occurring))
    return csr_matrix((np.concatenate(values), columns_of, ends), shape)
