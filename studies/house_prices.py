"""Five houses, three rates: what is true of the third document, and what the bisection finds.

The document trains a line on five house sizes and prices for 50 epochs and calls 0.0001 too low,
0.1 too high and 0.01 just right. Here each rate gets a fresh model (the document goes on with
one), the bisection judges the three and goes on, and StepLR and Adam run beside it, both as
printed. Run from the repository root, some seconds:

    python -m studies.house_prices
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from plotly.subplots import make_subplots

from studies.house_prices_runs import N_EPOCHS, RATES, Findings, collect
from studies.shared import figure_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

WORDS = {"overshoot": "too high", "undershoot": "too low", "balanced": "good"}
FIGURE = Path("studies/figures/house_prices.png")


def print_table(found: Findings) -> None:
    """Print where each run ends, and what the bisection says of the document's rates."""
    print(f"| run of {N_EPOCHS} epochs | loss after it | verdict |\n| --- | --- | --- |")
    for name, curve in found.curves.items():
        verdict = next((v for lr, v in found.verdicts.items() if name == f"SGD, {lr:g}"), "")
        print(f"| {name} | {curve[-1]:,.0f} | {WORDS.get(verdict, '')} |")
    print(f"The bisection: {found.n_probes} probes, {found.n_epochs} epochs in all.\n")


def sentence(found: Findings) -> str:
    """Say what is true on these data."""
    ends = {lr: found.curves[f"SGD, {lr:g}"][-1] for lr in RATES}
    best = min(ends, key=lambda lr: ends[lr])
    judged = " and ".join(f"{lr:g} {WORDS[found.verdicts[lr]]}" for lr in RATES if lr != best)
    return (
        f"Of the document's rates {best:g} is the best on these data (its loss ends at "
        f"{ends[best]:,.0f}), since plain descent diverges only above 2 / sharpness = "
        f"{found.edge:.2g}; the bisection finds {judged}."
    )


LOOKS = {  # colour, dash and where the label stands above the end of the curve, in pixels
    "SGD, 0.0001": ("#0072B2", "dot", -8),
    "SGD, 0.1": ("#009E73", "solid", -3),
    "SGD, 0.01": ("#0072B2", "dash", 8),
    "bisection": ("#111111", "solid", 3),
    "StepLR from 0.01": ("#8A8A8A", "dash", 0),
    "Adam, 0.01": ("#8A8A8A", "dot", 8),
}


def draw(found: Findings) -> go.Figure:
    """Draw the losses over epochs with verdicts, and the loss of full runs over the rate."""
    figure = make_subplots(
        1,
        2,
        column_widths=[0.56, 0.44],
        horizontal_spacing=0.2,
        subplot_titles=["the document's runs, and ours", "every rate: loss after 50 epochs"],
    )
    for name, curve in found.curves.items():
        _add_curve(figure, name, curve, found)
    _add_response(figure, found)
    decades = {"type": "log", "dtick": 1, "exponentformat": "power", "gridcolor": "#E4E7EB"}
    figure.update_yaxes(**decades, range=[1.5, 6.3])
    figure.update_yaxes(title="loss (squared error of the price)", col=1)
    figure.update_xaxes(title="epoch", range=[0, N_EPOCHS], gridcolor="#E4E7EB", col=1)
    figure.update_xaxes(**decades, title="learning rate", col=2)
    figure.update_layout(
        template="plotly_white",
        title=f"Five houses: descent diverges above {found.edge:.2g} only, and 0.1 is a good rate",
        showlegend=False,
        margin={"l": 70, "r": 20, "t": 85, "b": 55},
    )
    return figure


def _add_curve(figure: go.Figure, name: str, curve: Sequence[float], found: Findings) -> None:
    """Add a curve, with its name and verdict where it ends."""
    color, dash, shift = LOOKS["bisection" if name.startswith("bisection") else name]
    rate = next((lr for lr in RATES if name == f"SGD, {lr:g}"), None)
    label = name if rate is None else f"{rate:g}: {WORDS[found.verdicts[rate]]}"
    line = {"color": color, "dash": dash, "width": 3 if dash == "solid" else 2}
    x = list(range(len(curve)))
    figure.add_scatter(x=x, y=curve, mode="lines", name=label, line=line, row=1, col=1)
    figure.add_annotation(
        x=N_EPOCHS,
        y=math.log10(curve[-1]),
        text=label,
        font={"color": color, "size": 13},
        showarrow=False,
        xanchor="left",
        xshift=4,
        yshift=shift,
        row=1,
        col=1,
    )


def _add_response(figure: go.Figure, found: Findings) -> None:
    """Add the loss over the rate, the document's rates on it, and the edge."""
    x, y = zip(*found.response)
    line = {"color": "#555555", "width": 2}
    figure.add_scatter(x=x, y=y, mode="lines", line=line, row=1, col=2)
    for lr in RATES:
        name = f"SGD, {lr:g}"
        marker = {"color": LOOKS[name][0], "size": 12}
        point = {"x": [lr], "y": [found.curves[name][-1]], "text": [f"{lr:g}"]}
        place = "top center" if lr < 1e-3 else "bottom left"
        figure.add_scatter(
            **point, mode="markers+text", textposition=place, marker=marker, row=1, col=2
        )
    figure.add_vline(x=found.edge, line={"color": "#D55E00", "dash": "dash"}, row=1, col=2)
    figure.add_annotation(
        x=math.log10(found.edge),
        y=6.1,
        text=f"above 2 / sharpness = {found.edge:.2g}<br>every run diverges",
        font={"color": "#D55E00", "size": 12},
        align="right",
        showarrow=False,
        xanchor="right",
        xshift=-4,
        row=1,
        col=2,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run, draw and say it."""
    output = figure_file.start(__doc__, FIGURE, argv)
    found = collect()
    figure_file.write_small(draw(found), output, 1000, 430)
    print_table(found)
    print(sentence(found))


if __name__ == "__main__":
    main()
