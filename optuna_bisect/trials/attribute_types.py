"""What each attribute of a trial may be; whoever shares the storage can write anything there.

A reader returns the value, or None where this package cannot have written it. Words that only a
newer version knows are kept, and so are the first parts of longer rows.
"""

from __future__ import annotations

import datetime
import re
import sys
from typing import TYPE_CHECKING, Any

from optuna_bisect._checks import MOST

if TYPE_CHECKING:
    from collections.abc import Callable

_LARGEST = sys.float_info.max
# Each rung is three times as long as the one below: no run reaches this one.
_HIGHEST_RUNG = 64
_HALF_PAIR = re.compile("[\ud800-\udfff]")
# What ends in the number of a thread.
_WORKER = re.compile(r".*:[0-9]{1,20}", re.DOTALL)


def _word(value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    # Half a surrogate pair, which JSON can hold, can neither be shown nor stored again.
    return value if value.isascii() or not _HALF_PAIR.search(value) else None


def _number(value: Any) -> float | None:
    is_number = type(value) is float or type(value) is int
    return float(value) if is_number and abs(value) <= _LARGEST else None


def _positive(value: Any) -> float | None:
    return number if (number := _number(value)) is not None and number > 0 else None


def _share(value: Any) -> float | None:
    return number if (number := _number(value)) is not None and 0 <= number <= 1 else None


def _whole(value: Any) -> int | None:
    return value if type(value) is int and abs(value) <= MOST else None


def _index(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= MOST else None


def _rung(value: Any) -> int | None:
    found = _index(value)
    return found if found is not None and found <= _HIGHEST_RUNG else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: Any) -> int | None:
    return _index(value) or None


def _worker(value: Any) -> str | None:
    return value if isinstance(value, str) and _WORKER.fullmatch(value) else None


def _time(value: Any) -> str | None:
    try:
        is_aware = datetime.datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return None
    return value if is_aware else None


def _direction(value: Any) -> str | None:
    return value if isinstance(value, str) and value in ("minimize", "maximize") else None


def _held(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) and value else None


def _names(value: Any) -> list[str] | None:
    is_list = isinstance(value, list) and all(isinstance(name, str) for name in value)
    return value if is_list else None


def _adjustment(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    path, moves = value.get("path"), value.get("moves")
    if not (isinstance(path, list) and isinstance(moves, list) and all(map(_is_point, path))):
        return None
    if not all(_is_point(move) and len(move) > 2 and _word(move[2]) for move in moves):
        return None
    return {"path": [point[:2] for point in path], "moves": [move[:3] for move in moves]}


def read_losses(
    value: Any,
) -> tuple[float, tuple[int, float], list[tuple[int, float, float]]] | None:
    """Return first loss, best step with its loss, and points of what a trial keeps of both losses.

    None where this package cannot have written it.
    """
    if not isinstance(value, dict) or not isinstance(value.get("points"), list):
        return None
    first, best, points = _number(value.get("first")), value.get("best"), value["points"]
    if first is None or best is None or not all(map(_is_point, [best, *points])):
        return None
    if not all(len(p) > 2 and _number(p[2]) is not None for p in points):
        return None
    return first, (best[0], float(best[1])), [(s, float(t), float(v)) for s, t, v, *_ in points]


def _is_point(row: Any) -> bool:
    if not isinstance(row, list | tuple) or len(row) < 2:
        return False
    return _index(row[0]) is not None and _number(row[1]) is not None


# By the name of the attribute.
READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("role", "verdict", "became", "reason", "question", "param"), _word),
    **dict.fromkeys(("low", "high", "start_lr", "lr", "claim", "exponent"), _number),
    **dict.fromkeys(
        ("probe_steps", "final_steps", "max_probes", "n_configurations", "n_rungs"), _count
    ),
    **dict.fromkeys(("number", "seed", "winner", "judge", "search"), _index),
    "rung": _rung,
    **dict.fromkeys(("confidence", "cool_down"), _share),
    **dict.fromkeys(("first_step", "side"), _whole),
    "asked": _flag,
    "stale_after": _positive,
    "worker": _worker,
    "alive": _time,
    "report_direction": _direction,
    "adjustment": _adjustment,
    "held": _held,
    "group_by": _names,
}
