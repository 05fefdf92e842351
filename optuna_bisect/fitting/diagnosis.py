"""``diagnose``: how well each trial of a study fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna_bisect.fitting.records import losses_of
from optuna_bisect.study.settings import check_single_objective
from optuna_bisect.trials import internals

if TYPE_CHECKING:
    from optuna.study import Study

    from optuna_bisect.fitting.fit import Fit


def diagnose(study: Study) -> dict[int, Fit]:
    """Say of each trial whether it under-fits, over-fits or fits well.

    A trial is judged by the training and the validation loss that its objective gave to
    ``BisectionLR.step``. Probes are short, so that most of them under-fit: the final trial is what
    counts. ``judge_fit`` does the same with losses from anywhere.

    Args:
        study: A study, finished or not.

    Returns:
        The judgement by trial number, of those trials that gave at least six validation losses.

    Example:
        >>> import optuna
        >>> diagnose(optuna.create_study())
        {}
    """
    check_single_objective(study)
    found = ((trial.number, losses_of(trial)) for trial in internals.all_trials(study))
    fits = {number: losses.judge() for number, losses in found if losses is not None}
    return {number: fit for number, fit in fits.items() if fit is not None}
