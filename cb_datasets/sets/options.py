"""What, beside scenarios and engine, decides the sets of a build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cb_datasets.errors import BuildError
from cb_datasets.sets.retain_mix import check_mix


@dataclass(frozen=True, slots=True)
class SetOptions:
    """The options of `build_sets`, which says what each of them means.

    Raises:
        BuildError: One is out of range or means nothing.

    Example:
        >>> SetOptions(eval_fraction=0.1).num_samples
        5
    """

    num_samples: int = 5
    temperature: float = 0.7
    top_p: float = 1.0
    max_new_tokens: int = 256
    seed: int = 0
    redact_harmful_prompt: bool = False
    include_forced_calls: bool = True
    eval_fraction: float = 0.2
    hold_out: tuple[str, ...] = ()
    near_duplicates: float | None = 0.9
    timestamp: str | None = None
    dr_per_ds: float = 4.0
    retain_quotas: Mapping[str, int] = field(default_factory=dict)
    retain_weights: Mapping[str, float] = field(default_factory=dict)
    min_successes: int | None = None
    max_samples: int = 8

    def __post_init__(self) -> None:
        check_mix(self.retain_quotas, self.retain_weights)
        if not 0 <= self.dr_per_ds < float("inf"):
            raise BuildError(f"dr_per_ds is {self.dr_per_ds}; it must be 0 or more")
        if not 0 <= self.eval_fraction <= 1:
            raise BuildError(f"eval_fraction is {self.eval_fraction}; it must be between 0 and 1")

    def facts(self) -> dict[str, Any]:
        """The options that have a meaning together, for manifest and card."""
        fixed = ("min_successes", "max_samples") if self.min_successes is None else ("num_samples",)
        return {name: value for name, value in self.to_dict().items() if name not in fixed}

    def to_dict(self) -> dict[str, Any]:
        """The options as plain JSON data."""
        return {**asdict(self), "hold_out": list(self.hold_out)}

    @classmethod
    def from_dict(cls, options: Mapping[str, Any]) -> SetOptions:
        """The options that `to_dict` gave."""
        return cls(**{**options, "hold_out": tuple(options["hold_out"])})
