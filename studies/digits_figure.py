"""Make the README's figure of the digits study: what one sees of a search in five seconds.

Run ``python studies/digits.py``, then ``python studies/digits_figure.py``. Drawing needs
kaleido (it is in the dev extra) and a Chromium: ``apt-get install chromium``.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna

from optuna_bisect import find_winner
from optuna_bisect.visualization import plot_bracket
from studies.shared.figure_file import write_small

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import plotly.graph_objects as go
    from optuna.trial import FrozenTrial

WIDTH, HEIGHT = 900, 400
# What the legend keeps, in fewer words.
LEGEND = {
    "bracket before the trial": "where the best rate may lie",
    "overshoot: rate too high": "too high",
    "undershoot: rate too low": "too low",
}


def make_figure(study: optuna.Study) -> go.Figure:
    """Draw the bracket with a few words where a newcomer looks first."""
    figure = plot_bracket(study)
    for trace in figure.data:
        trace.update(name=LEGEND.get(trace.name, trace.name), showlegend=trace.name in LEGEND)
    n = sum(t.user_attrs.get("bisect_role") == "probe" for t in study.trials)
    title = f"{n} short trials close in on the learning rate, then one full run uses it"
    figure.update_layout(
        title_text=title,
        annotations=list(_notes(study)),
        yaxis_title="learning rate",
        margin={"t": 60},
        font_size=15,
    )
    return figure


def _notes(study: optuna.Study) -> Iterator[dict[str, Any]]:
    """Say where the search begins, which probe wins, and what comes of it."""
    winner = find_winner(study)
    if winner is None:
        return
    trials = study.trials
    yield _note(trials[0], "a short trial says<br>in which direction to go", 35, 62)
    yield _note(trials[winner.number], "the best one", 70, -38)
    if (final := trials[-1]).user_attrs.get("bisect_role") == "final":
        is_lower = final.params["lr"] < winner.lr
        told = "the full run: lower,<br>since it is longer" if is_lower else "the full run"
        yield _note(final, told, 0, 80)


def _note(trial: FrozenTrial, text: str, x: int, y: int) -> dict[str, Any]:
    """Return a text so many pixels beside a trial, with an arrow to it."""
    place = {"x": trial.number, "y": math.log10(trial.params["lr"]), "ax": x, "ay": y}
    arrow = {"showarrow": True, "arrowhead": 2, "arrowwidth": 1.5, "standoff": 14}
    return {"text": text, **place, **arrow}


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the study of a storage that was made last."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--storage", default="sqlite:///digits.db", help="where the study is")
    parser.add_argument("--output", type=Path, default=Path("studies/figures/digits.png"))
    options = parser.parse_args(argv)
    summaries = optuna.get_all_study_summaries(options.storage)
    if not summaries:
        parser.error(f"expected a study in {options.storage} but got none.")
    latest = summaries[-1]
    study = optuna.load_study(study_name=latest.study_name, storage=options.storage)
    write_small(make_figure(study), options.output, WIDTH, HEIGHT)
    print(f"{latest.study_name!r} is drawn in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
