"""Figures of a study: brackets, the loss curves behind the verdicts, configurations, Phase 2.

They need plotly, which is imported when the first one is drawn. A template that was chosen for all
figures, as by ``plotly.io.templates.default = "plotly_dark"``, rules here too.

In reading order:

- ``matplotlib``: the two main figures without plotly
- ``_axes``: matplotlib's axes as a figure lays them out; the only import of matplotlib
- ``_traces``: its lines, marks and bars
- ``_notes``: its texts, lines across it, and the legend
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna_bisect._checks import check_positive, optional
from optuna_bisect.figures.adjustment import draw_adjustment, get_adjustment_info
from optuna_bisect.figures.bracket import draw_bracket, draw_response
from optuna_bisect.figures.configurations import END, draw_configurations, draw_parallel
from optuna_bisect.figures.curves import draw_curves, get_curves_info
from optuna_bisect.figures.summary import summarize

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from optuna.study import Study


def plot_bracket(
    study: Study, *, edge: float | None = None, search: int | None = None
) -> go.Figure:
    """Plot how the bracket closed around the winner, trial by trial.

    Each bar is the bracket that a trial was proposed from, and the mark is the rate that it
    tried, by verdict; triangles point to where the better rates are. The ring is the winner; the
    star is the final trial, in the limits of Phase 2.

    Args:
        study: A study, finished or not, of any sampler.
        edge: A rate to draw a line at: ``2 / sharpness(model, loss_fn, batch)`` of
            ``optuna_bisect.curvature``, above which plain descent leaves a minimum.
        search: Of several configurations, the one to show: its ``bisect_search``. None: the best.

    Returns:
        The figure.

    Raises:
        ImportError: If plotly is missing.
        ValueError: If the edge is not a positive number, or no search has that number.
    """
    return draw_bracket(summarize(study), optional(check_positive, "edge", edge), search)


def plot_response(
    study: Study, *, search: int | None = None, target_name: str = "loss"
) -> go.Figure:
    """Plot what the probes ended with over their rates: the valley that the search looked for.

    The number above a mark is the length of the probe in steps: one that lost was cut early. The
    grey band is the winner's bracket; lines are its rate and the one handed to the full run, with
    the factor between them.

    Args:
        study: A study, finished or not, of any sampler.
        search: Of several configurations, the one to show: its ``bisect_search``. None: the best.
        target_name: What the objective reports.

    Returns:
        The figure.

    Raises:
        ImportError: If plotly is missing.
        ValueError: If no search has that number.
    """
    return draw_response(summarize(study), search, target_name)


def plot_curves(
    study: Study, *, search: int | None = None, target_name: str = "reported value"
) -> go.Figure:
    """Plot what every trial reported, coloured by verdict.

    A curve that diverged ends in a cross at the edge of the picture; its hover text says where
    to.

    Args:
        study: A study, finished or not, of any sampler.
        search: Of several configurations, the one to show: its ``bisect_search``. None: the best.
        target_name: What the objective reports.

    Returns:
        The figure.

    Raises:
        ImportError: If plotly is missing.
        ValueError: If no search has that number.
    """
    return draw_curves(get_curves_info(study, search), target_name)


def plot_configurations(study: Study) -> go.Figure:
    """Plot which configurations were searched, in which order, and what each one cost.

    Each has a column as wide as what was paid for its probes: above, what its best probe ended
    with; below, its best rate inside its bracket. The winner is orange; the others are grey, by
    the reason for which they lost, which their hover texts say in full.

    Args:
        study: A study of ``BisectionSampler``, finished or not.

    Returns:
        The figure.

    Raises:
        ImportError: If plotly is missing.
    """
    return draw_configurations(summarize(study))


def plot_parallel_coordinate(study: Study, *, target_name: str = END) -> go.Figure:
    """Plot Optuna's parallel coordinates with one line for each configuration.

    Each line is a configuration at its best rate, by what its best probe ended with. Optuna's own
    function would show final trials only, since probes are pruned.

    Args:
        study: A study of ``BisectionSampler``, finished or not.
        target_name: What the objective reports.

    Returns:
        The figure.

    Raises:
        ImportError: If plotly is missing.
    """
    return draw_parallel(study, target_name)


def plot_adjustment(study: Study, *, target_name: str = "loss") -> go.Figure:
    """Plot how the rate moved in the final trial, and why.

    The line is the rate, the marks are the moves of Phase 2 by their signal, the band is the
    bracket, and below is the loss that the trial reported.

    Args:
        study: A study whose final trial trains or trained with ``BisectionLR.for_trial``.
        target_name: What the objective reports.

    Returns:
        The figure; of the last final trial where several diverged.

    Raises:
        ImportError: If plotly is missing.
    """
    return draw_adjustment(get_adjustment_info(study), target_name)
