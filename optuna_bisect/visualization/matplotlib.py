"""The two main figures, drawn with matplotlib: for papers, notebooks and where plotly is missing.

The functions are named as those of ``optuna_bisect.visualization`` and show the same. They draw in
the style that matplotlib is set to, such as ``plt.style.use("dark_background")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna_bisect._checks import check_positive, optional
from optuna_bisect.figures.bracket import lay_out_bracket
from optuna_bisect.figures.curves import get_curves_info, lay_out_curves
from optuna_bisect.figures.summary import summarize
from optuna_bisect.visualization._axes import make_axes
from optuna_bisect.visualization._notes import add_legend, add_notes
from optuna_bisect.visualization._traces import add_traces

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from optuna.study import Study

    from optuna_bisect.figures.style import Drawing


def plot_bracket(study: Study, *, edge: float | None = None, search: int | None = None) -> Axes:
    """Plot how the bracket closed around the winner, trial by trial.

    See ``optuna_bisect.visualization.plot_bracket`` for what it shows.

    Args:
        study: A study, finished or not, of any sampler.
        edge: A rate to draw a line at, such as ``2 / sharpness(model, loss_fn, batch)``.
        search: Of several configurations, the one to show: its ``bisect_search``. None: the best.

    Returns:
        The axes; ``axes.figure.savefig(path)`` writes a file.

    Raises:
        ImportError: If matplotlib is missing.
        ValueError: If the edge is not a positive number, or no search has that number.
    """
    return _draw(lay_out_bracket(summarize(study), optional(check_positive, "edge", edge), search))


def plot_curves(
    study: Study, *, search: int | None = None, target_name: str = "reported value"
) -> Axes:
    """Plot what every trial reported, told apart by verdict.

    See ``optuna_bisect.visualization.plot_curves`` for what it shows.

    Args:
        study: A study, finished or not, of any sampler.
        search: Of several configurations, the one to show: its ``bisect_search``. None: the best.
        target_name: What the objective reports.

    Returns:
        The axes of the probes. Where the final trial is much longer it has axes of its own, the
        last ones of ``axes.figure.axes``.

    Raises:
        ImportError: If matplotlib is missing.
        ValueError: If no search has that number.
    """
    return _draw(lay_out_curves(get_curves_info(study, search), target_name))


def _draw(drawing: Drawing) -> Axes:
    """Draw what was laid out for plotly, and return the first axes."""
    panels = make_axes(drawing.layout)
    add_traces(panels, drawing)
    add_notes(panels, drawing.layout)
    add_legend(panels)
    return next(iter(panels.values()))
