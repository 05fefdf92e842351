"""Whether a parameter is the rate of this study, and what to say where none can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from optuna_bisect.trials import attributes, internals
from optuna_bisect.trials.parameter import (
    PLAIN,
    UNKNOWN,
    find_rate_name,
    is_known_name,
    is_log_float,
    misplaced,
    name_in,
    prefer_known_name,
    rank_of,
    rivals,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from optuna_bisect.study.history import History

_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


def possible_range(
    name: str, distribution: BaseDistribution, chosen: str | None
) -> FloatDistribution | None:
    """Return the distribution if this parameter can be the rate, else None.

    ``chosen`` is the ``param_name`` of the user. A parameter that must be the rate and cannot be
    bisected raises ValueError.
    """
    if isinstance(distribution, FloatDistribution) and (distribution.log or name == chosen):
        return distribution
    if name == chosen:
        raise ValueError(
            f"param_name={chosen!r} must name a float parameter but got {distribution}."
        )
    return None


def is_rate(name: str, own: Mapping[str, BaseDistribution], history: History) -> bool:
    """Tell whether parameter ``name`` is the rate in a trial with the parameters ``own``.

    What trials have recorded stands, unless a name turns up that looks more like a rate.
    """
    recorded = history.view.param_name
    found = prefer_known_name(recorded, own)
    if found == history.rate_name:
        # It was there before, and another one was named as the rate.
        found = recorded
    return name == name_in(own, found)


def is_renamed(
    name: str, own: Mapping[str, BaseDistribution], history: History, winner: FrozenTrial | None
) -> bool:
    """Tell whether a parameter of the final trial, unknown to its winner, must be the rate.

    The final trial never runs at a rate by chance: what was renamed takes the winner's.
    """
    if winner is None or name in winner.params or rank_of(name) < UNKNOWN:
        return False
    return name_in(own, history.view.param_name) is None and is_log_float(own[name])


def renamed(name: str, old: str | None, number: int) -> str:
    """Say that the final trial takes the rate of one parameter for another."""
    return (
        f"Final trial {number} suggests {name!r} and not {old!r}, which was bisected: {name!r} "
        f"gets the rate that was found for {old!r}."
    )


def is_plainly_wrong(name: str, own: Mapping[str, BaseDistribution]) -> bool:
    """Tell whether the last one of a trial's parameters is the rate, and cannot be bisected."""
    return rank_of(name) == PLAIN and misplaced(own) == name


def wrong_range(
    name: str, distribution: BaseDistribution, recorded: str | None
) -> FloatDistribution | None:
    """Return the range of a rate without a log scale that trials have recorded as the rate.

    None where another parameter is the rate; else there is nothing to bisect, a ValueError.
    """
    if name == recorded and isinstance(distribution, FloatDistribution):
        return distribution
    if recorded is not None and is_known_name(recorded):
        return None
    raise ValueError(must_be_log(name, distribution))


def must_be_log(name: str, distribution: BaseDistribution) -> str:
    """Say what was expected of a rate."""
    return (
        f"The learning rate {name!r} must be a float with log=True to be bisected but got "
        f"{distribution}; a linear float is bisected as it is with param_name={name!r}, and "
        "param_name names the rate where it is another parameter."
    )


def check_late(
    trial: FrozenTrial, trials: Sequence[FrozenTrial], chosen: str | None
) -> str | None:
    """Return what to warn of when a trial has ended; raise ValueError where no search can work."""
    others = internals.without(trials, trial)
    if chosen is not None and not any(chosen in t.params for t in (trial, *others)):
        raise ValueError(
            f"param_name must name a parameter of the objective but got {chosen!r}; trial "
            f"{trial.number} suggested {sorted(trial.params)}."
        )
    earlier = [t for t in others if t.state in _ENDED and t.params]
    recorded = chosen or attributes.latest(trials, "param")
    before = recorded or find_rate_name(t.distributions for t in earlier)
    known = chosen or prefer_known_name(before, trial.distributions)
    if known is not None and name_in(trial.distributions, known) is None:
        return _without(trial, earlier, known)
    wrong = misplaced(trial.distributions)
    if chosen is None and wrong is not None and not (known and is_known_name(known)):
        raise ValueError(must_be_log(wrong, trial.distributions[wrong]))
    return None if earlier or chosen is not None else _doubt(trial, known)


def _doubt(trial: FrozenTrial, found: str | None) -> str | None:
    """Say which parameter the first trial made the rate, where that is not plain."""
    if found is None:
        return (
            "No parameter is bisected: a learning rate must be a float with log=True, or be "
            f"named by param_name, but trial {trial.number} suggested {sorted(trial.params)}."
        )
    names = rivals(trial.distributions)
    if not names:
        return None
    among = f"the first of {names}" if len(names) > 1 else "the only float with log=True"
    return (
        f"{found!r} is taken for the learning rate, as {among}; if it is another one, say "
        "param_name."
    )


def _without(trial: FrozenTrial, earlier: Sequence[FrozenTrial], known: str) -> str | None:
    """Say once that a trial lacks the rate, and what it may have been renamed to."""
    if not any(name_in(t.distributions, known) is not None for t in earlier):
        return None
    if not trial.params or any(name_in(t.distributions, known) is None for t in earlier):
        return None
    return (
        f"Trial {trial.number} has no {known!r}, which is what is bisected, and is no evidence; "
        f"it suggested {sorted(trial.params)}. If the rate was renamed, rename it back, or name "
        "the new one by param_name to search anew."
    )
