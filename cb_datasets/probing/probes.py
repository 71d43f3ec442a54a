"""Linear probes: how well features tell two kinds of rows apart, on rows that they have not seen.

In: features, labels and what is to be kept apart. Out: scores out of fold, and their AUROC with an
interval. Groups are kept apart, since rows of one query share most of their text, and so are equal
calls: whoever knows an attacker's few calls by heart tells Ds from Dr without any state.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cb_datasets.errors import ProbeError
from cb_datasets.extras import install_command

if TYPE_CHECKING:
    import numpy.typing as npt

Scores = np.ndarray[Any, np.dtype[np.float64]]
Labels = np.ndarray[Any, np.dtype[np.bool_]]

FOLDS = 5
_STRENGTH = 0.1
_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Separation:
    """An AUROC with its 95 % interval, from resampling groups."""

    auroc: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """The numbers in plain types."""
        return {"auroc": self.auroc, "low": self.low, "high": self.high}


def check_sklearn() -> None:
    """See that scikit-learn is there.

    Raises:
        ProbeError: It is not.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise ProbeError(f"a probe needs scikit-learn: {install_command('probe')}") from None


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """How rows are parted into those that a probe is fitted on and those that it is asked about.

    Attributes:
        of: int of shape (rows,): the fold of each row, 0 to 4 or fewer.
        calls: str of shape (rows,): what each row calls; empty where it calls nothing.
    """

    of: npt.NDArray[np.intp]
    calls: npt.NDArray[Any]

    def __iter__(self) -> Iterator[tuple[Labels, Labels]]:
        """For each fold the rows to fit on, none with a call of the fold, and those of the fold."""
        for fold in np.unique(self.of):
            test = self.of == fold
            known = np.isin(self.calls, self.calls[test]) & (self.calls != "")
            yield ~test & ~known, test


def folds_of(labels: Labels, groups: npt.NDArray[Any], calls: npt.NDArray[Any], seed: int) -> Folds:
    """Folds with both labels in each, and each group in one of them.

    Raises:
        ProbeError: There are fewer than two groups of either kind.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    least = min(len(set(groups[labels == kind].tolist())) for kind in (True, False))
    if least < 2:
        raise ProbeError(f"{least} groups on one side; two at least are needed to keep them apart")
    count = min(FOLDS, least)
    found = np.zeros(len(labels), np.intp)
    with warnings.catch_warnings():
        # Groups are many, and some folds get a few rows fewer than others.
        warnings.simplefilter("ignore", UserWarning)
        split = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        for number, (_, test) in enumerate(split.split(labels, labels, groups)):
            found[test] = number
    return Folds(found, calls)


def out_of_fold(features: Any, labels: Labels, folds: Folds) -> Scores:
    """The score of each row by a probe that has seen neither its group nor its call."""
    scores = np.zeros(len(labels))
    for train, test in folds:
        scores[test] = fit_and_score(features, labels, train, test)
    return scores


def fit_and_score(features: Any, labels: Labels, train: Labels, test: Labels) -> Scores:
    """Scores of test rows by logistic regression on standardised features of training rows.

    Where training rows are of one kind only nothing can be learned, and all scores are 0.
    """
    from scipy.sparse import issparse
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MaxAbsScaler, StandardScaler

    if len(np.unique(labels[train])) < 2:
        return np.zeros(int(test.sum()))
    scaler = MaxAbsScaler() if issparse(features) else StandardScaler()
    strength = 1.0 if issparse(features) else _STRENGTH
    fitted = make_pipeline(
        scaler, LogisticRegression(C=strength, max_iter=1000, class_weight="balanced")
    ).fit(features[train], labels[train])
    return np.asarray(fitted.decision_function(features[test]), np.float64)


def auroc(scores: Scores, labels: Labels) -> float:
    """The chance that a row of Ds scores above one of Dr; ties count half.

    Example:
        >>> auroc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
        0.875
    """
    from scipy.stats import rankdata

    positive = int(labels.sum())
    negative = len(labels) - positive
    if not (positive and negative):
        return float("nan")
    ranks = rankdata(scores)[labels].sum()
    return float((ranks - positive * (positive + 1) / 2) / (positive * negative))


def same_prompt_auroc(scores: Scores, labels: Labels, prompts: npt.NDArray[Any]) -> Scores:
    """For each row, how surely its prompt's harmful completions score above the right ones.

    That is their AUROC among the rows of that prompt alone; the mean over rows is a figure to which
    no difference between prompts adds anything.

    Example:
        >>> scores, labels = np.array([0.9, 0.1, 0.2, 0.2]), np.array([True, False, True, False])
        >>> same_prompt_auroc(scores, labels, np.array(["a", "a", "b", "b"])).tolist()
        [1.0, 1.0, 0.5, 0.5]
    """
    found = np.zeros(len(scores))
    for prompt in np.unique(prompts):
        rows = prompts == prompt
        found[rows] = auroc(scores[rows], labels[rows])
    return found


class Told:
    """How well scores tell harmful rows from the others, over all rows and over groups drawn anew.

    Args:
        labels: bool of shape (rows,).
        groups: The group of each row.
        seed: Decides the draws.
        prompts: The prompt of each row, where completions are compared under one prompt only;
            each prompt then has rows of both kinds. None compares all with all.
    """

    def __init__(
        self,
        labels: Labels,
        groups: npt.NDArray[Any],
        seed: int,
        prompts: npt.NDArray[Any] | None = None,
    ) -> None:
        self._labels, self._prompts = labels, prompts
        self._draws = [np.arange(len(labels)), *_draws(groups, seed)]

    def auroc(self, scores: Scores) -> float:
        """The AUROC of scores."""
        return self._by_draw(scores, self._draws[:1])[0]

    def separation(self, scores: Scores) -> Separation:
        """The same, with an interval from drawing groups anew."""
        return _with_interval(np.array(self._by_draw(scores, self._draws)))

    def gain(self, scores: Scores, others: Scores) -> Separation:
        """By how much the AUROC of scores is above that of others, on the same rows."""
        found, against = (np.array(self._by_draw(one, self._draws)) for one in (scores, others))
        return _with_interval(found - against)

    def _by_draw(self, scores: Scores, draws: Sequence[npt.NDArray[np.intp]]) -> list[float]:
        if self._prompts is None:
            return [auroc(scores[rows], self._labels[rows]) for rows in draws]
        won = same_prompt_auroc(scores, self._labels, self._prompts)
        return [float(won[rows].mean()) for rows in draws]


def _with_interval(found: Scores) -> Separation:
    low, high = np.nanpercentile(found[1:], [2.5, 97.5])
    return Separation(float(found[0]), float(low), float(high))


def _draws(groups: npt.NDArray[Any], seed: int) -> Sequence[npt.NDArray[np.intp]]:
    """Rows of groups drawn with replacement, so many groups as there are, many times."""
    _, numbers = np.unique(groups, return_inverse=True)
    members = [np.flatnonzero(numbers == number) for number in range(int(numbers.max()) + 1)]
    generator = np.random.default_rng(seed)
    return [
        np.concatenate([members[n] for n in generator.integers(len(members), size=len(members))])
        for _ in range(_DRAWS)
    ]
