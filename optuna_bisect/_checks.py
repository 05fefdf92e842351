"""Checks of single settings: one rule and one wording for all of them.

A number is an int, a float, a Fraction or a NumPy scalar (``numbers.Real``), or an array or tensor
without dimensions that holds one. A bool, a string, a Decimal and a list are none. A whole number
may also come as 20.0. Each check returns the plain Python value, which every storage takes.
"""

from __future__ import annotations

import math
import sys
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    T = TypeVar("T")

# Databases and tensors take no larger whole number.
MOST = 2**63 - 1
# NumPy and torch take these seeds, and the final trial has the next one.
MOST_SEED = 2**32 - 2
_LONGEST_TEXT = 200


def shown(value: object) -> str:
    """Return what came in one short line, whatever it is."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 (an error in somebody's repr must not hide ours)
        text = f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


def wrong(name: str, expected: str, value: object) -> ValueError:
    """Return the error that says what was expected and what came."""
    return ValueError(f"{name} must {expected} but got {shown(value)}.")


def _real_of(value: object) -> Any:
    if getattr(value, "shape", None) == () and callable(item := getattr(value, "item", None)):
        value = item()
    return value if isinstance(value, Real) and not isinstance(value, bool) else None


def number_of(value: object) -> float | None:
    """Return a number as a float, infinite where it is too large for one; None for no number."""
    real = _real_of(value)
    try:
        return None if real is None else float(real)
    except OverflowError:
        return math.inf if real > 0 else -math.inf


def whole_of(value: object) -> int | None:
    """Return a whole number as an int, None for anything else."""
    real, number = _real_of(value), number_of(value)
    if number is None or not math.isfinite(number) or int(real) != real:
        return None
    return int(real)


@overload
def check_positive(name: str, value: object, *, whole: Literal[True]) -> int: ...
@overload
def check_positive(name: str, value: object) -> float: ...
def check_positive(name: str, value: object, *, whole: bool = False) -> float:
    """Return a finite positive number, whole where asked; raise ValueError for anything else."""
    found = whole_of(value) if whole else number_of(value)
    if found is None or not 0 < found <= (MOST if whole else sys.float_info.max):
        limit = " below 2**63" if whole and found is not None and found > 0 else ""
        kind = "whole number" if whole else "number"
        raise wrong(name, f"be a positive {kind}{limit}", value)
    return found


@overload
def check_at_least(name: str, value: object, least: float, *, whole: Literal[True]) -> int: ...
@overload
def check_at_least(name: str, value: object, least: float) -> float: ...
def check_at_least(name: str, value: object, least: float, *, whole: bool = False) -> float:
    """Return a finite number not below a limit, whole where asked; raise ValueError otherwise."""
    found = whole_of(value) if whole else number_of(value)
    if found is None or not least <= found <= (MOST if whole else sys.float_info.max):
        limit = " and below 2**63" if whole and found is not None and found > least else ""
        kind = "whole" if whole else "finite"
        raise wrong(name, f"be a {kind} number of at least {least}{limit}", value)
    return found


def check_not_negative(name: str, value: object) -> int:
    """Return a whole number of at least 0; raise ValueError for anything else."""
    return check_at_least(name, value, 0, whole=True)


def check_number(name: str, value: object, *, finite: bool = False) -> float:
    """Return any number but NaN, which may be infinite; raise ValueError for anything else."""
    found = number_of(value)
    if found is None or math.isnan(found) or (finite and math.isinf(found)):
        raise wrong(name, f"be a {'finite ' if finite else ''}number", value)
    return found


def check_share(name: str, value: object) -> float:
    """Return a number in [0, 1]; raise ValueError for anything else."""
    found = number_of(value)
    if found is None or not 0 <= found <= 1:
        raise wrong(name, "lie in [0, 1]", value)
    return found


def check_inside(
    name: str, value: object, low: float, high: float, *, closed: bool = False
) -> float:
    """Return a number between two limits, or on the upper one if closed; raise ValueError else."""
    found = number_of(value)
    if found is None or not (low < found < high or (closed and found == high)):
        raise wrong(name, f"lie in ({low}, {high}{']' if closed else ')'}", value)
    return found


def check_seed(name: str, value: object) -> int:
    """Return a seed that NumPy and torch take; raise ValueError for anything else."""
    found = whole_of(value)
    if found is None or not 0 <= found <= MOST_SEED:
        raise wrong(name, "be a whole number from 0 to 2**32 - 2 or None", value)
    return found


def check_bool(name: str, value: object) -> bool:
    """Return True or False; raise ValueError for anything else."""
    if not isinstance(value, bool | np.bool_):
        raise wrong(name, "be True or False", value)
    return bool(value)


def check_name(name: str, value: object) -> str:
    """Return a string that is not empty; raise ValueError for anything else."""
    if not isinstance(value, str) or not value:
        raise wrong(name, "be a string that is not empty", value)
    # Of an enum or a NumPy string, the text itself.
    return str.__str__(value)


def check_names(name: str, value: object) -> tuple[str, ...]:
    """Return several strings as a tuple; raise ValueError for anything else."""
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) and v for v in value):
        raise wrong(name, "be a list of names of parameters", value)
    return tuple(str.__str__(v) for v in value)


def check_choice(name: str, value: object, choices: Sequence[str], *, none: bool = False) -> Any:
    """Return one of a few words, or None where allowed; raise ValueError for anything else."""
    if value is None and none:
        return None
    if not isinstance(value, str) or str.__str__(value) not in choices:
        *first, last = [*map(repr, choices), *(["None"] if none else [])]
        raise wrong(name, f"be {', '.join(first)} or {last}", value)
    return str.__str__(value)


def check_direction(value: object) -> Any:
    """Return a report direction, one of Optuna's words or None; raise ValueError otherwise."""
    return check_choice("report_direction", value, ("minimize", "maximize"), none=True)


def check_steps(probe_steps: object, final_steps: object) -> tuple[int | None, int | None]:
    """Return both lengths, positive and in order or None; raise ValueError otherwise."""
    probe = optional(check_positive, "probe_steps", probe_steps, whole=True)
    final = optional(check_positive, "final_steps", final_steps, whole=True)
    if probe is not None and final is not None and probe > final:
        raise ValueError(
            f"probe_steps must not exceed final_steps but got probe_steps={probe}, "
            f"final_steps={final}."
        )
    return probe, final


def optional(check: Callable[..., T], name: str, value: object, **options: Any) -> T | None:
    """Check a setting that may be None."""
    return None if value is None else check(name, value, **options)


def check_type(name: str, value: object, kind: type[T] | tuple[type, ...], expected: str) -> None:
    """Raise TypeError unless an object is of a kind."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {expected} but got {shown(value)}.")
