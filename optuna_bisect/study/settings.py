"""The settings of a search, checked once."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optuna.samplers import BaseSampler, BruteForceSampler, GridSampler
from optuna.study import Study

from optuna_bisect._checks import (
    check_direction,
    check_name,
    check_names,
    check_positive,
    check_seed,
    check_share,
    check_steps,
    check_type,
    optional,
    wrong,
)
from optuna_bisect.search.horizon import EXPONENT, cool_down_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.study import StudyDirection


@dataclass(frozen=True)
class Settings:
    """Everything that a user chose; see ``BisectionSampler`` for the meaning of each field.

    Raises:
        ValueError: On a setting outside its range.
    """

    param_name: str | None = None
    probe_steps: int | None = None
    final_steps: int | None = None
    horizon_exponent: float = EXPONENT
    max_probes: int | None = None
    stale_after: float | None = None
    seed: int | None = None
    report_direction: str | None = None
    warm_start: float | None = None
    final_schedule: str | float | None = None
    n_configurations: int | None = None
    group_by: Sequence[str] | None = None
    n_rungs: int | None = None

    def __post_init__(self) -> None:
        """Reject settings outside their range, saying what came; keep plain Python values."""
        probe_steps, final_steps = check_steps(self.probe_steps, self.final_steps)
        vars(self).update(
            param_name=optional(check_name, "param_name", self.param_name),
            probe_steps=probe_steps,
            final_steps=final_steps,
            horizon_exponent=check_share("horizon_exponent", self.horizon_exponent),
            max_probes=optional(check_positive, "max_probes", self.max_probes, whole=True),
            stale_after=optional(check_positive, "stale_after", self.stale_after),
            seed=optional(check_seed, "seed", self.seed),
            report_direction=check_direction(self.report_direction),
            warm_start=optional(check_positive, "warm_start", self.warm_start),
            n_configurations=optional(
                check_positive, "n_configurations", self.n_configurations, whole=True
            ),
            group_by=optional(check_names, "group_by", self.group_by),
            n_rungs=optional(check_positive, "n_rungs", self.n_rungs, whole=True),
        )
        if self.final_schedule is not None:
            cool_down_of(self.final_schedule)
        if (self.n_configurations or 1) > 1 and final_steps is None:
            raise ValueError(
                "n_configurations above 1 needs final_steps, the length of the full run, but got "
                "final_steps=None."
            )

    @property
    def cool_down(self) -> float | None:
        """Share of the full run in which its rate decays, None where the user did not say."""
        return None if self.final_schedule is None else cool_down_of(self.final_schedule)

    def study_seed(self, study_name: str) -> int:
        """Return the seed that all probes of a study share, the same for every worker."""
        if self.seed is not None:
            return self.seed
        return zlib.crc32(study_name.encode()) % 2**31


def check_single_objective(study: Study) -> StudyDirection:
    """Return the direction of a study; raise ValueError where it has more than one.

    What is no study at all is a TypeError.
    """
    check_type("study", study, Study, "an Optuna study")
    directions = study.directions
    if len(directions) > 1:
        raise ValueError(
            f"A learning rate is bisected for one objective but got {len(directions)} directions."
        )
    return directions[0]


def check_sampler(value: BaseSampler | None) -> None:
    """Raise ValueError unless a sampler may choose other parameters and will not end the study."""
    is_ending = isinstance(value, GridSampler | BruteForceSampler)
    if value is not None and (is_ending or not isinstance(value, BaseSampler)):
        expected = "be a sampler that does not end the study by itself, or None"
        raise wrong("independent_sampler", expected, value)
