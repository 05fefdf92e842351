"""The pictures of the second document, from real runs: three rates, the bowl, and its edge.

- loss over epochs at a rate that is too high, too low, and the one that the bisection finds
- the bowl of the five houses, and the loss of a network along two directions through its minimum
  (scaled as in Li et al., 2018), with the paths of a small, a large and a decaying rate
- the edge 2 / sharpness: what happens just below and just above it

Run from the repository root, about a minute:

    python -m studies.landscape
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import torch

from studies.landscape_epochs import epoch_losses, search
from studies.landscape_figures import clip, draw_edge, draw_rates, draw_surface
from studies.landscape_runs import DECAY, Minimum, bowl, escape_bowl
from studies.shared import figure_file
from studies.shared.data import digits

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path("studies/figures")
HIGH, LOW = 2.5, 0.01  # of the rate that the bisection finds
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.02, 1.05, 1.1, 1.2, 1.4, 1.6, 2.0)
SCRATCH = (0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 4.0, 6.0, 10.0)
N_STEPS, TOP = 300, 1e6


def show_rates(folder: Path, suffix: str) -> str:
    """Train at three rates, draw the losses, and say where they end."""
    data = digits()
    found = search(data)
    rates = {"too low": LOW * found, "too high": HIGH * found, "found by the bisection": found}
    curves = {f"{name}: {lr:.2g}": epoch_losses(lr, data) for name, lr in rates.items()}
    figure_file.write_small(draw_rates(curves), folder / f"landscape_rates{suffix}", 900, 430)
    low, high, best = curves.values()
    return (
        f"After {len(best)} epochs the training loss is {best[-1]:.2g} at the rate that the "
        f"bisection finds, {low[-1]:.2g} at a hundredth of it, and at {HIGH:g} times it falls to "
        f"{min(high):.2g} and comes back to {high[-1]:.2g}."
    )


def show_bowl(folder: Path, suffix: str) -> str:
    """Descend in the bowl of the five houses."""
    surface = bowl()
    title = "A bowl: small steps crawl, large ones zig-zag, decaying ones do neither"
    figure = draw_surface(
        surface, title, "price per 1000 sq ft", "price of 2000 sq ft", eye=(1.0, -1.15)
    )
    figure_file.write_small(figure, folder / f"landscape_bowl{suffix}", 1000, 500)
    small, large, decaying = (path.losses for path in surface.paths.values())
    return (
        f"In the bowl {len(small) - 1} steps leave {small[-1] / small[0]:.1%} of the loss at a "
        f"small rate, {large[-1] / large[0]:.1%} just below the edge, and "
        f"{decaying[-1] / decaying[0]:.1g} of it where that rate decays by 1 / (1 + {DECAY:g} t)."
    )


def show_network(minimum: Minimum, folder: Path, suffix: str) -> str:
    """Descend in a plane through the minimum of a network."""
    surface = minimum.plane()
    title = "Two random directions through a network's minimum: a bowl with steeper walls"
    figure = draw_surface(surface, title, "first direction", "second direction", eye=(1.0, 1.15))
    figure_file.write_small(figure, folder / f"landscape_network{suffix}", 1000, 500)
    small, large, decaying = (path.losses for path in surface.paths.values())
    return (
        f"In a plane through a network's minimum (loss {surface.heights.min():.2f}) a small rate "
        f"ends at {small[-1]:.2f} and a decaying one at {decaying[-1]:.2f}, but half the edge "
        f"bounces at {large[-6:].mean():.2f}, as the walls are steeper than the bottom."
    )


def show_edge(minimum: Minimum, folder: Path, suffix: str, n_steps: int = N_STEPS) -> str:
    """Descend at rates around 2 / sharpness."""
    rises = {
        "the bowl": [(share, escape_bowl(share, n_steps)) for share in SHARES],
        "the network": [(share, minimum.escape(share, n_steps)) for share in SHARES],
    }
    ends = [(share, minimum.train(share, n_steps)) for share in SCRATCH]
    figure = draw_edge({name: clip(points, TOP) for name, points in rises.items()}, clip(ends, 8))
    figure_file.write_small(figure, folder / f"landscape_edge{suffix}", 1000, 430)
    stays = [max(s for s, y in points if y <= 1) for points in rises.values()]
    leaves = [min(s for s, y in points if y > 1) for points in rises.values()]
    learnt = max(share for share, loss in ends if loss < ends[0][1] / 2)
    best = min(ends, key=lambda end: end[1] if math.isfinite(end[1]) else math.inf)[0]
    return (
        f"Beside a minimum descent stays below {min(stays):g} and leaves above {max(leaves):g} "
        f"times 2 / sharpness, in the bowl and in the network alike; from untrained weights the "
        f"network still learns at {learnt:g} times it and best at {best:g}."
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run, draw and say it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of the figures")
    parser.add_argument("--pages", action="store_true", help="write pages that can be turned")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    suffix = ".html" if options.pages else ".png"
    print(show_rates(options.output, suffix), flush=True)
    print(show_bowl(options.output, suffix), flush=True)
    minimum = Minimum()
    print(show_network(minimum, options.output, suffix), flush=True)
    print(show_edge(minimum, options.output, suffix), flush=True)


if __name__ == "__main__":
    main()
