"""The winner of a whole study, for users and for the search that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna_bisect.decisions.configurations import is_settled
from optuna_bisect.decisions.outcome import Winner
from optuna_bisect.decisions.searches import leader_of
from optuna_bisect.search.horizon import correct
from optuna_bisect.study.reading import read_history

if TYPE_CHECKING:
    from optuna.study import Study

__all__ = ["Winner", "find_winner", "plan_warm_start"]


def find_winner(study: Study) -> Winner | None:
    """Find the winner of a study's search from its storage alone.

    Args:
        study: A study that was run with ``BisectionSampler``, in this process or any other.

    Returns:
        Where probe and full length are known to differ: the winner once the search is over.
        Otherwise the winner so far. None where there is none yet, or where every probe
        overshot.
    """
    history = read_history(study)
    # A worker that died may have left a search without an answer.
    has_begun = history.done_by is not None or any(r.role == "final" for r in history.running)
    is_over = has_begun or all(map(is_settled, history.rungs))
    return leader_of(history).outcome.winner if is_over or not history.has_final else None


def plan_warm_start(previous: Study, probe_steps: int | None, exponent: float) -> float:
    """Return the rate at which the search on a similar task should start.

    This is the rate of the winner of ``previous``, corrected where probes now have another length.
    A study without a winner is refused by a ValueError.
    """
    outcome = leader_of(read_history(previous)).outcome
    if outcome.winner is None or find_winner(previous) is None:
        raise ValueError(
            f"from_study needs a study with a winner but got {previous.study_name!r}, which has "
            f"none after {len(previous.get_trials(deepcopy=False))} trials."
        )
    return correct(outcome.winner.lr, outcome.horizon, probe_steps, exponent)
