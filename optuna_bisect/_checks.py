"""Checks of single settings, with one wording for all of them."""

from __future__ import annotations

import math
from numbers import Integral, Real


def make_plain(settings: object) -> None:
    """Turn the numbers in a frozen dataclass, numpy's among them, into ints and floats of Python.

    Databases keep JSON, and ``torch.load`` reads nothing else with ``weights_only=True``.
    """
    for name, value in vars(settings).items():
        if isinstance(value, Integral) and not isinstance(value, bool):
            object.__setattr__(settings, name, int(value))
        elif isinstance(value, Real) and not isinstance(value, Integral):
            object.__setattr__(settings, name, float(value))


def check_positive(name: str, value: float, *, whole: bool = False) -> None:
    """Raise ValueError unless a setting is a finite positive number, whole where asked."""
    kind = "whole number" if whole else "number"
    is_number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value <= 0 or (whole and value < 1):
        raise ValueError(f"{name} must be a positive {kind} but got {value!r}.")


def check_share(name: str, value: float) -> None:
    """Raise ValueError unless a setting lies in [0, 1]."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1] but got {value!r}.")


def check_inside(
    name: str, value: float, low: float, high: float, *, closed: bool = False
) -> None:
    """Raise ValueError unless a setting lies between two limits, or on the upper one if closed."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not (low < value < high or (closed and value == high)):
        end = "]" if closed else ")"
        raise ValueError(f"{name} must lie in ({low}, {high}{end} but got {value!r}.")


def check_at_least(name: str, value: float, least: float, *, whole: bool = False) -> None:
    """Raise ValueError unless a setting is finite and not below a limit, and whole where asked."""
    kind = "whole" if whole else "finite"
    is_number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < least:
        raise ValueError(f"{name} must be a {kind} number of at least {least} but got {value!r}.")


def check_steps(probe_steps: int | None, final_steps: int | None) -> None:
    """Raise ValueError unless both lengths are positive and in order."""
    if probe_steps is not None:
        check_positive("probe_steps", probe_steps, whole=True)
    if final_steps is not None:
        check_positive("final_steps", final_steps, whole=True)
    if probe_steps is not None and final_steps is not None and probe_steps > final_steps:
        raise ValueError(
            f"probe_steps must not exceed final_steps but got probe_steps={probe_steps}, "
            f"final_steps={final_steps}."
        )


def check_direction(value: str | None) -> None:
    """Raise ValueError unless a report direction is one of Optuna's words or None."""
    if value not in (None, "minimize", "maximize"):
        raise ValueError(
            f"report_direction must be 'minimize', 'maximize' or None but got {value!r}."
        )


def check_not_negative(name: str, value: int) -> None:
    """Raise ValueError unless a setting is a whole number of at least 0."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name} must be a whole number of at least 0 but got {value!r}.")
