"""The tables of the benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.full_runs.score import scores

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from studies.full_runs.rows import Row
    from studies.full_runs.score import Score


def show(rows: Sequence[Row], options: argparse.Namespace) -> None:
    """Print the tables, or draw the figure."""
    lines = scores([r for r in rows if r.seed in options.seed and r.task in options.task])
    if not lines:
        print("No task has all five cosine runs yet.")
        return
    if options.figure:
        from studies.full_runs.figure import draw  # noqa: PLC0415

        draw(lines).write_image(options.figure, width=960, height=560, scale=2)
        return
    print("\n".join(loss_table(lines)))
    print("\nRates of the full runs, by seed\n")
    print("\n".join(rate_table(lines)))


def loss_table(lines: Sequence[Score]) -> list[str]:
    """Format the losses relative to the best of five cosine runs."""
    tasks = list(lines[0].ratios)
    table = [
        "| method | full runs paid | all tasks | worst run | " + " | ".join(tasks) + " |",
        "| --- |" + " --- |" * (3 + len(tasks)),
    ]
    for line in lines:
        cells = [f"{line.paid:.2f}", f"{line.mean:.3f}", f"{line.worst:.3f}"]
        cells += [f"{line.ratios[task]:.3f}" if task in line.ratios else "" for task in tasks]
        table.append("| " + " | ".join([name_of(line), *cells]) + " |")
    return table


def rate_table(lines: Sequence[Score]) -> list[str]:
    """Format the rates, without the lines that were given theirs."""
    tasks = list(lines[0].ratios)
    table = ["| method | " + " | ".join(tasks) + " |", "| --- |" + " --- |" * len(tasks)]
    for line in lines:
        if line.method != "cosine":
            cells = [", ".join(f"{lr:.2g}" for lr in line.rates.get(task, ())) for task in tasks]
            table.append("| " + " | ".join([name_of(line), *cells]) + " |")
    return table


def name_of(line: Score) -> str:
    """Print this package's methods in bold."""
    return f"**{line.label}**" if line.is_own else line.label
