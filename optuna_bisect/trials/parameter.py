"""Which parameter of a study is the learning rate, and which values it may take."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna.distributions import CategoricalDistribution, FloatDistribution

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optuna.distributions import BaseDistribution

# How much a name looks like that of a learning rate; what ranks lowest is never taken for one.
PLAIN, QUALIFIED, UNKNOWN, NEAR, OTHER = 4, 3, 2, 1, 0

# What training code calls its learning rate; the first one that a name contains counts.
_BASES = tuple(
    re.compile(rf"\b{base}\b")
    for base in ("learning ?rate", "learn ?rate", "lr(ate)?", "l rate", "eta", "step ?size")
)
# Words beside it that change nothing.
_NEUTRAL_WORDS = (
    "init initial base start optimizer optim opt model train training trainer params hparams "
    "hyperparameters config cfg args 0"
)
_NEUTRAL = frozenset(_NEUTRAL_WORDS.split())
# Words beside it for a setting of its schedule, or for a share or a limit of it.
_NEAR_WORDS = (
    "min minimum end final last floor low lower f factor frac fraction ratio mult multiplier mul "
    "scale scaling scaler power exp exponent log schedule scheduler sched warmup warm drop reduce "
    "reduction restart restarts cycle cycles period anneal annealing threshold cooldown patience "
    "step steps size milestone milestones epoch epochs iter iters iterations div delta lambda "
    "decay gamma weight wd momentum dropout"
)
_NEAR = frozenset(_NEAR_WORDS.split())
# What stands beside the rate in most searches.
_OTHER = re.compile(
    r"\b(decay|wd|l ?[12]|reg|regulari[sz](ation|er)|lambda|dropout|momentum|betas?|gamma|eps"
    r"|epsilon|tau|temp(erature)?|clip(ping)?|noise|smoothing|penalty|weight|entropy|tol"
    r"|coef(f|ficient)?)\b"
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ONE_WORD = re.compile(rf"\b(?:(lr)({'|'.join(_NEAR)})|([a-z]{{2,}})(lr))\b")


class _Reading(NamedTuple):
    """How a name was read: its rank, and the words that tell one rate from another."""

    rank: int
    key: frozenset[str] = frozenset()


@functools.lru_cache
def _read(name: str) -> _Reading:
    rest = _rest_of(name)
    if rest is None:
        return _Reading(OTHER if _OTHER.search(_words_of(name)) else UNKNOWN)
    # The last part of a path says what it is: ``lr_scheduler.max_lr``.
    own = _rest_of(re.split(r"[./:]|__", name)[-1])
    if (rest if own is None else own) & _NEAR:
        return _Reading(NEAR, rest)
    # The step size of StepLR is an integer, and stands beside a rate.
    is_plain = not rest - _NEUTRAL and "step" not in name.lower()
    return _Reading(PLAIN if is_plain else QUALIFIED, rest - _NEUTRAL)


def _words_of(name: str) -> str:
    words = " ".join(word.lower() for word in _WORD.findall(name))
    return _ONE_WORD.sub(r"\1\3 \2\4", words)


def _rest_of(name: str) -> frozenset[str] | None:
    """Return the words of a name beside those for the rate, None where it names no rate."""
    words = _words_of(name)
    found = next((base for base in _BASES if base.search(words)), None)
    return None if found is None else frozenset(found.sub("", words, count=1).split())


def rank_of(name: str) -> int:
    """Tell how much a name looks like that of a learning rate."""
    return _read(name).rank


def is_known_name(name: str) -> bool:
    """Tell whether training code calls its learning rate by this name."""
    return rank_of(name) >= QUALIFIED


def is_log_float(distribution: BaseDistribution) -> bool:
    """Tell whether a parameter is a float on a log scale."""
    return isinstance(distribution, FloatDistribution) and distribution.log


def find_rate_name(spaces: Iterable[Mapping[str, BaseDistribution]]) -> str | None:
    """Return the log-scale float that looks most like a rate; of known names the first trial's.

    ``spaces`` are the distributions by parameter name, one mapping a trial, oldest first.
    """
    best = None
    for space in spaces:
        best = prefer_known_name(best, space)
        if best is not None and is_known_name(best):
            return best
    return best


def prefer_known_name(found: str | None, space: Mapping[str, BaseDistribution]) -> str | None:
    """Return ``found``, or the rate in ``space`` where that looks more like one."""
    if found is not None and is_known_name(found):
        return found
    names = [found] if found is not None else []
    # A copy, taken at once: in memory another thread may be suggesting at this moment.
    names += [name for name, distribution in list(space.items()) if is_log_float(distribution)]
    names = [name for name in names if rank_of(name) > OTHER]
    return max(names, key=rank_of, default=None)


def name_in(space: Mapping[str, object], name: str | None) -> str | None:
    """Return the parameter of one trial that is the rate ``name``, also where it was renamed.

    ``lr`` and ``learning_rate`` are one parameter, ``sgd_lr`` and ``adam_lr`` are two.
    """
    if name is None or name in space:
        return name if name in space else None
    if not is_known_name(name):
        return None
    names = (n for n in list(space) if is_known_name(n))
    return next((n for n in names if _read(n).key == _read(name).key), None)


def rivals(space: Mapping[str, BaseDistribution]) -> list[str]:
    """Return all log-scale floats, the rate first, where it is not plain which one that is."""
    found = find_rate_name([space])
    if found is None:
        return []
    rank = rank_of(found)
    names = [n for n, distribution in space.items() if is_log_float(distribution) and n != found]
    if rank >= QUALIFIED:
        names = [n for n in names if rank_of(n) == rank]
    return [found, *names] if names or rank == NEAR else []


def misplaced(space: Mapping[str, BaseDistribution]) -> str | None:
    """Return what is named like a rate and is no float on a log scale, None where a rate is."""
    found = find_rate_name([space])
    if found is not None and is_known_name(found):
        return None
    names = [n for n, distribution in space.items() if _is_number(distribution)]
    known = [n for n in names if is_known_name(n)]
    near = [n for n in names if found is None and rank_of(n) == NEAR]
    return max(known or near, key=rank_of, default=None)


def _is_number(distribution: BaseDistribution) -> bool:
    """Tell whether there is a choice of numbers; sklearn's ``learning_rate`` names a schedule."""
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices) > 1 and all(map(_is_numeric, distribution.choices))
    return not distribution.single() and not is_log_float(distribution)


def _is_numeric(choice: object) -> bool:
    return not isinstance(choice, bool) and as_rate(choice) is not None


def as_rate(value: Any) -> float | None:
    """Return a parameter's value as a float, None where it is no number.

    A user may enqueue or add an int or a numpy number, which Optuna keeps as it came.
    """
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def fit_into(rate: float, distribution: FloatDistribution) -> float:
    """Move a rate into a distribution, onto its steps where it has some."""
    if distribution.step is not None:
        n = round((rate - distribution.low) / distribution.step)
        rate = distribution.low + n * distribution.step
    return float(min(max(rate, distribution.low), distribution.high))
