"""Matplotlib's axes as a figure lays them out for plotly: scales, limits, ticks and titles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

# Two panels side by side make a figure this many times wider.
_WIDER = 1.6
_TAG = re.compile(r"<[^>]+>")


def pyplot() -> Any:
    """Import the part of matplotlib that makes figures; an error names the extra."""
    try:
        import matplotlib.pyplot  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(
            "optuna_bisect.visualization.matplotlib needs matplotlib: "
            "pip install 'optuna_bisect[matplotlib]'."
        ) from error
    return matplotlib.pyplot


def make_axes(layout: Mapping[str, Any]) -> dict[str, Axes]:
    """Make a figure with the panels of a layout, by the names of their horizontal axes."""
    plt = pyplot()
    suffixes = sorted(key.removeprefix("xaxis") for key in layout if key.startswith("xaxis"))
    width, height = plt.rcParams["figure.figsize"]
    size = (width * (_WIDER if len(suffixes) > 1 else 1), height)
    figure, row = plt.subplots(1, len(suffixes), figsize=size, layout="constrained", squeeze=False)
    figure.suptitle(plain(layout["title"]["text"]), x=0.01, ha="left")
    panels = {f"x{suffix}": axes for suffix, axes in zip(suffixes, row[0], strict=True)}
    for suffix, axes in zip(suffixes, row[0], strict=True):
        axes.grid(visible=True, alpha=0.3)
        axes.set_axisbelow(True)
        _set_up(axes.xaxis, layout[f"xaxis{suffix}"])
        _set_up(axes.yaxis, layout[f"yaxis{suffix}"])
    return panels


def plain(text: str) -> str:
    """Return a text of plotly without its tags."""
    return _TAG.sub("", text.replace("<br>", "\n"))


def _set_up(axis: Any, settings: Mapping[str, Any]) -> None:
    """Give one axis its title, scale, limits and ticks."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator  # noqa: PLC0415

    name, is_log = axis.axis_name, settings.get("type") == "log"
    axis.axes.set(**{f"{name}label": settings.get("title") or ""})
    if is_log:
        axis.axes.set(**{f"{name}scale": "log"})
    if settings.get("range") is not None:
        # Plotly gives the limits of a logarithmic axis as logarithms.
        limits = [10**x if is_log else x for x in settings["range"]]
        axis.axes.set(**{f"{name}lim": limits})
    if settings.get("tickformat") == "~g":
        # Decades alone would be too few ticks.
        axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axis.set_minor_formatter(FuncFormatter(_two_and_five))
    elif settings.get("dtick") == 1 and not is_log:
        axis.set_major_locator(MultipleLocator(1))


def _two_and_five(x: float, _: int) -> str:
    """Name the ticks of a logarithmic axis between the powers of ten that have room for it."""
    return f"{x:g}" if f"{x:e}"[0] in "25" else ""
