"""Gradient boosting: short runs do not show its rate, and whoever tries is told so."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

from optuna_bisect._logger import warn_once

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

# The modules whose functions train, and call what reports.
_LIBRARIES = {"lightgbm.engine": "LightGBM", "xgboost.training": "XGBoost"}


def find_library() -> str | None:
    """Return the boosting library whose training calls this function, None where none does."""
    if not _LIBRARIES.keys() & sys.modules.keys():
        return None
    names = (frame.f_globals.get("__name__") for frame, _ in traceback.walk_stack(None))
    return next((_LIBRARIES[name] for name in names if name in _LIBRARIES), None)


def warn_of_boosting(study: Study, trial: FrozenTrial) -> None:
    """Say at the first report of a probe that it is too short to show the rate of a booster.

    A rate that leads after a few rounds loses over all of them, and by how much differs from task
    to task: measured by ``python -m studies.boosting.compare``. Runs of unknown length, which are
    compared with each other at equal rounds, are left alone: they are cut rightly in the main.
    """
    library = find_library() if len(trial.intermediate_values) == 1 else None
    if library is not None:
        warn_once(
            f"Trial {trial.number} is trained by {library}. The best rate of boosting falls with "
            "the number of rounds, by a law of its own on each task, so that short probes find "
            "nothing better than a fixed 0.1. Compare whole runs: BisectionSampler() without "
            "probe_steps and final_steps, and study.optimize(objective, n_trials=6).",
            "boosting",
            study.study_name,
        )
