"""The eval set before a model, or live episodes: grades, metrics with intervals, and controls.

In: an engine, and the rows of an eval set or a source of episodes. Out: an `EvalReport` or an
`EpisodeReport`, which says itself when it proves nothing. Rows are graded by the judge of the
pipeline, episodes by what they did to the world.
"""

from __future__ import annotations

from cb_datasets.evaluation.controls import Control
from cb_datasets.evaluation.episodes import EpisodeReport, EpisodeResult, evaluate_episodes
from cb_datasets.evaluation.grading import Grade, grade
from cb_datasets.evaluation.metrics import Difference, Metric
from cb_datasets.evaluation.report import EvalReport
from cb_datasets.evaluation.run import evaluate
from cb_datasets.evaluation.samples import EvalSample, RowFacts

__all__ = [
    "Control",
    "Difference",
    "EpisodeReport",
    "EpisodeResult",
    "EvalReport",
    "EvalSample",
    "Grade",
    "Metric",
    "RowFacts",
    "evaluate",
    "evaluate_episodes",
    "grade",
]
