"""What ``digits.py`` shows at its end: a table, a page with the figures, and a line to compare."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from optuna_bisect.figures.summary import summarize
from optuna_bisect.figures.words import format_table, table_of
from optuna_bisect.page import render_page

if TYPE_CHECKING:
    import argparse

    from optuna.study import Study


def is_complete(study: Study) -> bool:
    """Tell whether the final trial is there."""
    final = summarize(study).final
    return final is not None and final.outcome == "complete"


def print_result(study: Study, options: argparse.Namespace) -> int:
    """Print the table, the winner, where everything is, and the line with the figures.

    Args:
        study: The study.
        options: The command line.

    Returns:
        The exit code: 0 if the study is complete.
    """
    summary = summarize(study)
    width = shutil.get_terminal_size().columns
    print(f"\n{format_table(table_of(summary.rows), width)}\n\n{summary.conclusion}")
    options.output.write_text(render_page(study), encoding="utf-8")
    print(f"figures: {options.output.resolve()}\nstudy: {study.study_name!r} in {options.storage}")
    if not is_complete(study) or summary.final is None:
        print("not complete: the log above says why")
        return 1
    accuracy = study.trials[summary.final.number].user_attrs["accuracy"]
    print(f"accuracy={accuracy:.4f} cost={summary.cost:.3f} final_lr={summary.final.rate:.4g}")
    return 0
