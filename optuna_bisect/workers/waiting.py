"""How long a worker waits that has nothing to ask, before it asks all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.trial import TrialState

from optuna_bisect.trials import internals

if TYPE_CHECKING:
    from optuna.study import Study

    from optuna_bisect.study.history import History


class Patience:
    """How long an idle worker waits: as long as others report, and for one more probe after that.

    A worker that has said nothing for the time of the longest probe until now may be dead.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[int, int]] | None = None
        self._since = 0.0

    def is_over(self, study: Study, history: History, now: float) -> bool:
        """Tell whether no other worker has reported for as long as the longest probe took."""
        seen = [(r.number, len(r.curve)) for r in history.running if r.curve is not None]
        if seen != self._seen:
            self._seen, self._since = seen, now
        return now - self._since >= longest_probe(study)


def longest_probe(study: Study) -> float:
    """Return the seconds that the longest trial took, of those that have ended by themselves."""
    ended = (TrialState.PRUNED, TrialState.COMPLETE)
    trials = [t for t in internals.all_trials(study) if t.state in ended and t.params]
    return max((t.duration.total_seconds() for t in trials if t.duration), default=0.0)
