"""A study's notes and figures in optuna-dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna_bisect.board.store import Store
from optuna_bisect.board.study_note import format_note
from optuna_bisect.board.trial_note import MARK, format_trial_note
from optuna_bisect.board.watcher import watch
from optuna_bisect.figures.progress import read_progress
from optuna_bisect.figures.summary import summarize
from optuna_bisect.trials import internals
from optuna_bisect.visualization import (
    plot_adjustment,
    plot_bracket,
    plot_configurations,
    plot_curves,
    plot_response,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.figures.summary import Summary

__all__ = ["format_note", "publish"]

BRACKET_ID = "bisect-bracket"
CURVES_ID = "bisect-curves"
RESPONSE_ID = "bisect-response"
ADJUSTMENT_ID = "bisect-rate"
CONFIGURATIONS_ID = "bisect-configurations"


def publish(study: Study, trial: FrozenTrial | None = None) -> None:
    """Write what is known about a study into optuna-dashboard: notes and figures.

    Call it after ``optimize``, or give it to ``optimize``: with ``callbacks=[publish]`` it also
    writes every few seconds while trials run, in a thread of this process. Each note and figure
    is replaced in one go, so that an open page never shows half of one, and several workers may
    publish. Notes that people wrote on trials stay.

    Args:
        study: The study; its note and the figures of an earlier call are replaced.
        trial: What ``optimize`` gives to a callback; None: write once.

    Raises:
        ImportError: If optuna-dashboard or plotly is missing.
    """
    try:
        import optuna_dashboard  # noqa: F401, PLC0415 (what is written makes no sense without)
    except ImportError as error:
        raise ImportError(
            "optuna_bisect.dashboard needs optuna-dashboard: "
            "pip install 'optuna_bisect[dashboard]'."
        ) from error
    _write(study)
    if trial is not None:
        watch(study, _write)


def _write(study: Study) -> None:
    summary, store = summarize(study), Store(study)
    store.write_note(format_note(summary, read_progress(study)))
    for name, figure in _figures(study, summary).items():
        store.write_figure(name, figure.to_json())
    ids = {t.number: internals.trial_id(t) for t in internals.all_trials(study)}
    for row in summary.rows:
        before = store.note(ids[row.number])
        if not before or before.endswith(MARK):
            store.write_note(format_trial_note(summary, row), ids[row.number])


def _figures(study: Study, summary: Summary) -> dict[str, go.Figure]:
    figures = {
        BRACKET_ID: plot_bracket(study),
        CURVES_ID: plot_curves(study),
        RESPONSE_ID: plot_response(study),
    }
    if summary.is_several:
        figures = {CONFIGURATIONS_ID: plot_configurations(study), **figures}
    if any(row.adjustment for row in summary.rows):
        figures[ADJUSTMENT_ID] = plot_adjustment(study)
    return figures
