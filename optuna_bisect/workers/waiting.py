"""A worker that has nothing to ask waits a while, instead of running what others have answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.trial import TrialState

from optuna_bisect.search.evidence import Probe
from optuna_bisect.search.running import answer
from optuna_bisect.study import attributes
from optuna_bisect.workers.rate_claim import propose_beside

if TYPE_CHECKING:
    from optuna.study import Study

    from optuna_bisect.study.history import History


def is_idle(history: History, number: int) -> bool:
    """Tell whether a new probe would be answered by others at its first report.

    So it is where other workers ask everything of interest, and what is left lies beyond rates
    that have lost already.

    Args:
        history: The study without the trial.
        number: The trial's number.

    Returns:
        Whether nothing is worth asking as long as nobody ends or begins a probe.
    """
    distribution = history.distribution
    if not history.has_final or distribution is None or not history.running:
        return False
    proposal, _ = propose_beside(history, number, distribution)
    if proposal.question != "spread":
        return False
    evidence = history.evidence()
    own = Probe(number, proposal.rate, is_full=False, question=proposal.question)
    return evidence is not None and answer(evidence, own) is not None


class Patience:
    """How long an idle worker waits: as long as others report, and for one more probe after that.

    One that has said nothing for the time of the longest probe until now may be dead.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[int, int]] | None = None
        self._since = 0.0

    def is_over(self, study: Study, history: History, now: float) -> bool:
        """Tell whether nobody has reported for long, of those who were running before."""
        seen = [(r.number, len(r.curve)) for r in history.running if r.curve is not None]
        if seen != self._seen:
            self._seen, self._since = seen, now
        return now - self._since >= longest_probe(study)


def longest_probe(study: Study) -> float:
    """Return the duration of the longest trial that has ended by itself, in seconds."""
    ended = (TrialState.PRUNED, TrialState.COMPLETE)
    trials = [t for t in attributes.all_trials(study) if t.state in ended and t.params]
    return max((t.duration.total_seconds() for t in trials if t.duration), default=0.0)
