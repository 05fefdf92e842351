"""The figures of several configurations: over what they cost, and as parallel coordinates."""

from __future__ import annotations

import math
import textwrap
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna.distributions import CategoricalDistribution
from optuna.trial import create_trial

from optuna_bisect.figures import style
from optuna_bisect.figures.rows import LEADING, format_params
from optuna_bisect.figures.summary import summarize
from optuna_bisect.trials import internals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import plotly.graph_objects as go
    from optuna.distributions import BaseDistribution
    from optuna.study import Study

    from optuna_bisect.figures.rows import Configuration
    from optuna_bisect.figures.summary import Summary

# Values that spread over more than this factor are drawn on a log axis.
_WIDE = 10
# A column narrower than this share of the figure has no room for its number.
_LEAST_LABELLED = 0.018
# Optuna's blues end in white, which nobody sees on white.
_PANEL = "#CDD3DB"
# What a configuration is judged by.
END = "best probe's end"
# In the order of the legend; those that lost are grey.
_LOOKS = {
    "winner": style.Look(style.WINNER_COLOR, "circle", "winner"),
    "best so far": style.Look(style.WINNER_COLOR, "circle", "best so far"),
    "searched": style.Look("#0072B2", "diamond-open", "search goes on"),
    "worse": style.Look("#8A8A8A", "circle", "ended worse after a whole search"),
    "dropped": style.Look("#C4C8CE", "x", "dropped early: behind at equal steps"),
    "no rate": style.Look("#C4C8CE", "line-ew-open", "no rate that trains"),
}


class Column(NamedTuple):
    """A configuration, and from where to where on the axis of cost it reaches."""

    configuration: Configuration
    left: float
    right: float

    @property
    def middle(self) -> float:
        """Where its marks stand."""
        return (self.left + self.right) / 2


class ConfigurationsInfo(NamedTuple):
    """The columns in the order in which the searches began, and the unit of their width."""

    columns: tuple[Column, ...]
    unit: str


def get_configurations_info(summary: Summary) -> ConfigurationsInfo:
    """Measure what each configuration cost: in full runs, else in steps, else in probes."""
    costs: list[float] = [c.n_steps for c in summary.configurations]
    unit = "steps"
    if not any(costs):
        costs, unit = [len(c.rows) for c in summary.configurations], "probes"
    elif summary.final_steps:
        costs, unit = [cost / summary.final_steps for cost in costs], "full runs"
    edges = pairwise(accumulate(costs, initial=0.0))
    columns = (Column(c, *edge) for c, edge in zip(summary.configurations, edges))
    return ConfigurationsInfo(tuple(columns), unit)


def draw_configurations(summary: Summary) -> go.Figure:
    """Draw what the configurations ended with, and below it the brackets of their rates."""
    info = get_configurations_info(summary)
    better = "more" if summary.is_report_maximized else "less"
    name = summary.param_name or "learning rate"
    notes = [
        style.note(f"what its best probe ended with: {better} is better", y=0.97),
        style.note(f"its best rate ({name}), and the bracket around it", y=0.44),
    ]
    return style.make_figure(
        _title_of(summary),
        [trace for result in _LOOKS for trace in _traces(info, result)],
        if_empty="no configuration has been searched yet",
        barmode="overlay",
        annotations=notes if info.columns else [],
        **_axes(info),
    )


def _axes(info: ConfigurationsInfo) -> dict[str, Any]:
    """Return the axis of cost that both panels share, and one for each of them."""
    shown = [c.configuration for c in info.columns]
    values = [c.value for c in shown if c.value is not None]
    is_wide = bool(values) and min(values) > 0 and max(values) > _WIDE * min(values)
    ends = [rate for c in shown if c.bracket for rate in (c.bracket.low, c.bracket.high)]
    rates = [*ends, *(c.rate for c in shown if c.rate is not None)]
    lowest, highest = min(rates, default=1.0), max(rates, default=1.0)
    rate_axis = style.log_axis(math.log10(highest / lowest)) if lowest > 0 else {}
    told = f"cost in {info.unit}, a column a configuration"
    return {
        "xaxis": style.axis(told, range=[0, info.columns[-1].right] if info.columns else None),
        "yaxis": style.axis(domain=[0.0, 0.42], **rate_axis),
        "yaxis2": style.axis(domain=[0.53, 0.93], **({"type": "log"} if is_wide else {})),
    }


def _title_of(summary: Summary) -> str:
    n, best = len(summary.configurations), summary.leading
    is_open = summary.winner is None and n < summary.n_configurations
    of = f" of {summary.n_configurations}" if is_open else ""
    text = f"{n}{of} configurations, and what each one cost"
    if best is None or best.rate is None or not summary.is_several:
        return text if n != 1 or is_open else "One configuration, and what it cost"
    place = "the best" if best.result == "winner" else "the best so far"
    name = summary.param_name or "rate"
    told = format_params({name: best.rate, **best.params})
    return text + style.subtitle(f"number {best.number} is {place}: {told}")


def _traces(info: ConfigurationsInfo, result: str) -> Iterator[dict[str, Any]]:
    """Show all configurations that ended alike, as one entry of the legend."""
    look = _LOOKS[result]
    alike = [c for c in info.columns if c.configuration.result == result]
    group = {"legendgroup": look.label, "showlegend": False}
    yield _bars(alike, look) | group
    rated = [(c, c.configuration.rate) for c in alike if c.configuration.rate is not None]
    points = [(c.middle, rate, _hover_text(c, info.unit)) for c, rate in rated]
    yield style.marker_trace(look, points, size=9) | group
    ended = [(c, c.configuration.value) for c in alike if c.configuration.value is not None]
    segments = [point for c, y in ended for point in ((c.left, y), (c.right, y), (c.right, None))]
    upper = group | {"yaxis": "y2"}
    line = style.line_trace(look.label, segments, color=look.color, width=4)
    yield line | upper | {"hoverinfo": "skip"}
    points = [(c.middle, value, _hover_text(c, info.unit)) for c, value in ended]
    widest = max((c.right for c in info.columns), default=0.0) * _LEAST_LABELLED
    yield (
        style.marker_trace(look, points, size=9)
        | upper
        | {
            "showlegend": True,
            "mode": "markers+text",
            "text": [
                str(c.configuration.number)
                if result in LEADING or c.right - c.left >= widest
                else ""
                for c, _ in ended
            ],
            "textposition": "top center",
            "cliponaxis": False,
        }
    )


def _bars(columns: Sequence[Column], look: style.Look) -> dict[str, Any]:
    """Return each bracket as a bar that is as wide as its configuration was expensive."""
    known = [(c, c.configuration.bracket) for c in columns if c.configuration.bracket]
    return {
        "type": "bar",
        "x": [c.middle for c, _ in known],
        "width": [c.right - c.left for c, _ in known],
        "base": [bracket.low for _, bracket in known],
        "y": [bracket.high - bracket.low for _, bracket in known],
        "name": look.label,
        "marker": {"color": look.color, "opacity": 0.4, "line": {"width": 1, "color": "white"}},
        "hoverinfo": "skip",
    }


def _hover_text(column: Column, unit: str) -> str:
    c = column.configuration
    lines = [f"<b>Configuration {c.number}: {c.result}</b>"]
    lines += textwrap.wrap(format_params(c.params), style.HOVER_WIDTH)
    if c.rate is not None:
        inside = f" inside {c.bracket.low:.3g} .. {c.bracket.high:.3g}" if c.bracket else ""
        lines.append(f"rate {c.rate:.3g}{inside}")
    if c.value is not None:
        lines.append(f"ended at {c.value:.4g}")
    n, cost = len(c.rows), f"{column.right - column.left:.3g} {unit}"
    lines.append(f"{n} probe{'s' * (n != 1)}" + ("" if unit == "probes" else f", {cost}"))
    return "<br>".join([*lines, *textwrap.wrap(c.reason, style.HOVER_WIDTH)])


def _in_words(value: Any, distribution: BaseDistribution) -> tuple[Any, BaseDistribution]:
    """Turn choices that are lists into words: Optuna's figure looks choices up by their hash."""
    choices = distribution.choices if isinstance(distribution, CategoricalDistribution) else ()
    if not any(isinstance(choice, list) for choice in choices):
        return value, distribution
    return str(value), CategoricalDistribution([str(choice) for choice in choices])


def draw_parallel(study: Study, target: str = END) -> go.Figure:
    """Draw Optuna's parallel coordinates of a study with one trial for each configuration."""
    style.graph_objects()
    from optuna.visualization import plot_parallel_coordinate  # noqa: PLC0415

    summary = summarize(study)
    view = internals.new_study(
        study,
        study.sampler,
        direction="maximize" if summary.is_report_maximized else "minimize",
    )
    trials = {t.number: t for t in internals.all_trials(study)}
    name = summary.param_name or ""
    for c in summary.configurations:
        if c.value is None or c.rate is None:
            continue
        params = {**c.params, name: c.rate}
        known = {n: d for row in c.rows for n, d in trials[row.number].distributions.items()}
        drawn = {n: _in_words(v, known[n]) for n, v in params.items()}
        values, distributions = ({n: d[i] for n, d in drawn.items()} for i in (0, 1))
        view.add_trial(create_trial(params=values, distributions=distributions, value=c.value))
    if not view.trials:
        return style.make_figure("", [], if_empty="no configuration has been searched yet")
    figure = plot_parallel_coordinate(view, target_name=target)
    n = len(view.trials)
    text = f"{n} configuration{'s' * (n != 1)}, each at its best rate"
    layout = style.layout_for(text + style.subtitle("the darker, the better"))
    return style.with_template(figure.update_layout(**layout, plot_bgcolor=_PANEL))
