"""The command line of ``digits.py``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from digits_task import OPTIMIZERS

if TYPE_CHECKING:
    from collections.abc import Sequence


def parse(argv: Sequence[str] | None, description: str) -> argparse.Namespace:
    """Read the command line; end with a message where options do not fit each other."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=formatter)
    add = parser.add_argument
    add("--optimizer", choices=list(OPTIMIZERS), default="momentum", help="what is trained with")
    add("--low", type=float, default=1e-6, help="low end of the range")
    add("--high", type=float, default=1.0, help="high end of the range; it may diverge")
    add("--probe-steps", type=int, default=100, help="length of a probe, in updates")
    add("--final-steps", type=int, default=2000, help="length of the final trial, in updates")
    add("--probe-share", type=float, default=1.0, help="share of training data that probes use")
    add("--seed", type=int, default=0, help="seed of weights and order of the data")
    add("--storage", default="sqlite:///digits.db", help="where the study is kept")
    add("--output", type=Path, default=Path("digits.html"), help="page with the figures")
    options = parser.parse_args(argv)
    if not 0 < options.low <= options.high:
        parser.error(f"expected 0 < --low <= --high but got {options.low} and {options.high}.")
    if not 0 < options.probe_share <= 1:
        parser.error(f"--probe-share must lie in (0, 1] but got {options.probe_share}.")
    if not 1 <= options.probe_steps < options.final_steps:
        parser.error(
            f"expected 1 <= --probe-steps < --final-steps but got {options.probe_steps} and "
            f"{options.final_steps}."
        )
    return options
