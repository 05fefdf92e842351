"""Which role a new trial takes: the claim protocol as a pure decision."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna_bisect.decisions.configurations import choose_search
from optuna_bisect.decisions.final_plan import FinalPlan, plan_final
from optuna_bisect.decisions.outcome import doubt_about
from optuna_bisect.decisions.searches import leader_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna_bisect.decisions.searches import Search
    from optuna_bisect.study.history import History
    from optuna_bisect.trials.attributes import Role

# After this many final trials that failed, the study stops.
MAX_FAILED_FINALS = 3


class Decision(NamedTuple):
    """The role of a trial.

    Attributes:
        role: The role, None while the trial has to wait for another one.
        reason: One sentence for people, None for an ordinary probe.
        is_warning: Whether the reason asks the user to do something.
        wait_for: Number of the trial to wait for.
        plan: What the final trial is given.
        search: Number of the trial that began the search of a probe, its own for a new one.
        rung: Rung of a probe, 0 for the lowest.
    """

    role: Role | None
    reason: str | None = None
    is_warning: bool = False
    wait_for: int | None = None
    plan: FinalPlan | None = None
    search: int | None = None
    rung: int = 0


def decide(
    history: History,
    number: int,
    *,
    is_fixed: bool,
    may_wait: bool,
    exponent: float,
    chosen: Mapping[str, Any] = MappingProxyType({}),
) -> Decision:
    """Decide on the role of new trial ``number``, which ``history`` leaves out.

    Optuna has no compare-and-set, so the lowest trial number wins: a trial claims the final role
    only when every live trial with a lower number has a role, and none of them is final. The user
    may have chosen the rate (``is_fixed``); ``may_wait`` allows to wait for a final trial that may
    be dead, or in another thread of this process; ``exponent`` is that of the horizon law;
    ``chosen`` are other parameters that the user chose.
    """
    lowest = history.rungs[0]
    if is_fixed or not history.has_final:
        return Decision("probe", search=choose_search(lowest, number, chosen))
    if history.done_by is not None:
        return Decision(
            "surplus", f"nothing left to do: final trial {history.done_by} is complete"
        )
    failed = [f.number for f in history.finished.finals if f.has_failed]
    if len(failed) >= MAX_FAILED_FINALS:
        return Decision(
            "surplus",
            f"final trials {failed} were ended by exceptions or by another pruner, or returned no "
            "finite value at their end: stopping",
            is_warning=True,
        )
    for other in history.running:
        if other.role == "final":
            if may_wait and (other.is_local or other.is_doubtful):
                return Decision(None, wait_for=other.number)
            return Decision("surplus", f"final trial {other.number} is running elsewhere")
    for rung in history.rungs:
        search = choose_search(rung, number, {} if rung.below else chosen)
        if search is not None:
            return Decision("probe", search=search, rung=rung.rung)
    return _decide_over(leader_of(history), number, exponent)


def forestalled_by(history: History, number: int) -> str | None:
    """Say in one sentence why final trial ``number`` has to give way, None where it has not.

    Of two live final trials the one with the lower number stays. Two come about where a worker was
    stopped for longer than the grace period in the middle of its claim, or was taken for dead and
    came back: the storages have no compare-and-set that would exclude it.
    """
    if history.done_by is not None:
        return f"final trial {history.done_by} is complete"
    older = [r.number for r in history.running if r.role == "final" and r.number < number]
    return f"final trial {older[0]} is running elsewhere" if older else None


def _decide_over(best: Search, number: int, exponent: float) -> Decision:
    history, winner = best.history, best.outcome.winner
    if winner is None:
        return Decision("surplus", _why_no_winner(history), is_warning=True)
    trained_by = history.trained(winner.number)
    if trained_by is not None:
        return Decision("surplus", f"final trial {trained_by} is complete, and still the best")
    plan = plan_final(history, best.outcome, exponent)
    if plan is None:
        reason = "every final trial diverged, down to the low end of the range; lower the range"
        return Decision("surplus", reason, is_warning=True)
    undecided = [r.number for r in history.running if r.role is None and r.number < number]
    if undecided:
        return Decision(None, wait_for=undecided[0])
    return Decision("final", plan=plan, search=best.number)


def _why_no_winner(history: History) -> str:
    """Say what a user can do where no probe can be recommended."""
    if history.distribution is None:
        return (
            "no winner: no trial has a learning rate, which must be a float with log=True or be "
            "named by param_name"
        )
    evidence = history.evidence()
    doubt = doubt_about(evidence) if evidence is not None else None
    if doubt is not None:
        return f"no winner: {doubt}"
    if evidence is None or not any(p.is_finite and p.has_score for p in evidence.probes):
        return (
            "no winner: no probe ended with a finite loss; lower the range of the rate, or look "
            "for the reason in the objective"
        )
    word = "rose" if history.view.report_sign > 0 else "fell"
    return (
        f"no winner: in every probe what was reported {word} from its first value on; where that "
        "was meant to be so (a loss reported, an accuracy returned), set report_direction of the "
        "pruner; else lower the range of the rate"
    )
