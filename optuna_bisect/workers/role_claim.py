"""Taking a role for a new trial: wait for others, write the role, and look again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from optuna_bisect._logger import logger, warn_once
from optuna_bisect.decisions.final_plan import FinalPlan
from optuna_bisect.decisions.next_rate import is_idle, part_of
from optuna_bisect.decisions.roles import Decision, decide, forestalled_by
from optuna_bisect.study.configuration import rung_steps
from optuna_bisect.study.reading import read_history
from optuna_bisect.trials import attributes, internals
from optuna_bisect.trials.liveness import note_alive, utc_now, worker_id
from optuna_bisect.trials.parameter import is_known_name, name_in
from optuna_bisect.workers.configuration import chosen_others, claim_search
from optuna_bisect.workers.heartbeat_guard import beat
from optuna_bisect.workers.waiting import Patience

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.study.history import History
    from optuna_bisect.study.settings import Settings


# A worker that wants the final trial waits this many seconds at most for each trial with a lower
# number that has no role yet, and for so many of them: their workers died, or stand still.
ROLE_GRACE_SECONDS = 10.0
MAX_AWAITED = 3
# Workers that choose a search at one moment choose anew where they began too many.
MAX_CHOICES = 12
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0


def take_role(
    study: Study, trial: FrozenTrial, settings: Settings, sampler: BaseSampler
) -> Decision:
    """Give a new trial its role, write its plan on it, and return what was decided.

    ``sampler`` draws the other parameters of a new configuration.
    """
    for _ in range(MAX_CHOICES):
        decision, history, read_at = _wait_for_decision(study, trial, settings)
        attributes.clear_copied(study, trial)
        if decision.role != "probe" or claim_search(
            study, trial, history.rungs[0], decision.search, settings=settings, sampler=sampler
        ):
            break
    plan = decision.plan
    if decision.role == "surplus" and not internals.in_optimize(study):
        # Nothing but the asking loop ends such a trial, which may be trained all the same.
        plan = _handed_over(study, trial)
    if plan is not None:
        _write_plan(study, trial, plan)
        if plan.doubt is not None:
            logger.warning(f"Final trial {trial.number} begins, but its rate is {plan.doubt}.")
    seed = settings.study_seed(study.study_name)
    attributes.write(
        study,
        trial,
        number=trial.number,
        # Under ask-and-tell the thread that will run the trial is not known.
        worker=worker_id() if internals.in_optimize(study) else None,
        probe_steps=_probe_steps(settings, decision.rung),
        final_steps=settings.final_steps,
        max_probes=settings.max_probes if history.has_final else None,
        seed=seed + 1 if decision.role == "final" else seed,
        param=settings.param_name,
        stale_after=settings.stale_after,
        alive=utc_now().isoformat() if settings.stale_after else None,
        report_direction=settings.report_direction,
        search=decision.search,
        rung=decision.rung or None,
        n_configurations=_unless_one(settings.n_configurations),
        group_by=None if settings.group_by is None else list(settings.group_by),
        n_rungs=_unless_one(settings.n_rungs),
    )
    if decision.role == "final" and time.monotonic() - read_at > ROLE_GRACE_SECONDS / 2:
        decision = _reconsider(study, trial, settings)
    # A probe gets its verdict as what became of it.
    became = None if decision.role == "probe" else decision.role
    # The role comes last: others wait for it, and then rely on all the rest.
    attributes.write(study, trial, became=became, reason=decision.reason, role=decision.role)
    return _confirm(study, trial, settings) if decision.role == "final" else decision


def say_surplus(study: Study, trial: FrozenTrial, decision: Decision) -> None:
    """Say why there is nothing to do; to a loop that asks on and on, once how it ends."""
    said = f"Trial {trial.number} is surplus: {decision.reason}."
    if internals.in_optimize(study) or decision.is_warning:
        (logger.warning if decision.is_warning else logger.info)(said)
        return
    has_plan = attributes.read(trial).lr is not None
    rate = " It gets the parameters of that trial, and so do all that follow." if has_plan else ""
    warn_once(
        f"{said}{rate} A loop of ask and tell ends where trial_plan(trial).role is 'surplus'.",
        "surplus",
        study.study_name,
    )


def _unless_one(number: int | None) -> int | None:
    """Spare what goes without saying: each attribute is a call of the storage."""
    return None if number == 1 else number


def _probe_steps(settings: Settings, rung: int) -> int | None:
    steps = settings.probe_steps
    return steps if steps is None else rung_steps(steps, rung)


def _reconsider(study: Study, trial: FrozenTrial, settings: Settings) -> Decision:
    """Look again before a claim that took so long that others may have given up waiting for it."""
    history = read_history(study, settings, exclude=trial.number)
    others = [r.number for r in history.running if r.role == "final"]
    others += [] if history.done_by is None else [history.done_by]
    if not others:
        return Decision("final")
    return Decision("surplus", f"final trial {others[0]} began while this worker stood still")


def _wait_for_decision(
    study: Study, trial: FrozenTrial, settings: Settings
) -> tuple[Decision, History, float]:
    started, pause, patience = time.monotonic(), _FIRST_PAUSE_SECONDS, Patience()
    while True:
        beat(study, trial)
        read_at = time.monotonic()
        history = read_history(study, settings, exclude=trial.number)
        if read_at - started > _patience(history, trial.number):
            with_role = tuple(r for r in history.running if r.role is not None)
            history = history._replace(running=with_role)
        decision = decide(
            history,
            trial.number,
            is_fixed=_is_fixed(trial, history),
            may_wait=internals.in_optimize(study),
            exponent=settings.horizon_exponent,
            chosen=chosen_others(trial, history),
        )
        part = part_of(history.rungs[decision.rung], decision.search)
        if decision.role == "probe" and _is_put_off(study, trial, part, patience, read_at):
            decision = Decision(None, "others are asking all that is worth asking")
        if decision.role is not None:
            return decision, history, read_at
        if pause == _FIRST_PAUSE_SECONDS:
            logger.info(_waiting(trial.number, decision, settings))
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        _show_life(study, trial, settings)


def _is_put_off(
    study: Study, trial: FrozenTrial, history: History, patience: Patience, now: float
) -> bool:
    """Tell whether a probe with nothing to ask waits for a question or for the final trial."""
    if not history.running or not internals.in_optimize(study) or _is_fixed(trial, history):
        return False
    return is_idle(history, trial.number) and not patience.is_over(study, history, now)


def _show_life(study: Study, trial: FrozenTrial, settings: Settings) -> None:
    """Renew what ``stale_after`` looks at, but not on a clone with a dead trial's attributes."""
    if settings.stale_after is None or attributes.is_copied(trial):
        return
    attributes.write(study, trial, number=trial.number)
    note_alive(study, trial, settings.stale_after)


def _patience(history: History, number: int) -> float:
    """Return how many seconds to wait; those before this trial wait for those before them."""
    n_before = sum(r.role is None and r.number < number for r in history.running)
    return ROLE_GRACE_SECONDS * min(n_before, MAX_AWAITED)


def _waiting(number: int, decision: Decision, settings: Settings) -> str:
    if decision.wait_for is None:
        return f"Trial {number} waits: {decision.reason}."
    hint = "" if settings.stale_after else "; without stale_after it is never taken for dead"
    return f"Trial {number} waits for trial {decision.wait_for} of another worker{hint}."


def _is_fixed(trial: FrozenTrial, history: History) -> bool:
    """Tell whether the rate is chosen already: by a user, or as the clone of a dead trial."""
    chosen = internals.fixed_params(trial).keys() | trial.params.keys()
    if not chosen:
        return False
    if history.view.param_name is None:
        return any(is_known_name(name) for name in chosen)
    rate = trial.params.get(name_in(trial.params, history.view.param_name) or "")
    if rate is not None and attributes.is_copied_final(trial, rate):
        return False
    return name_in(dict.fromkeys(chosen), history.view.param_name) is not None


def _handed_over(study: Study, trial: FrozenTrial) -> FinalPlan | None:
    """Return the plan of the latest final trial, None where there is none."""
    others = internals.without(internals.all_trials(study), trial)
    finals = [attrs for attrs in map(attributes.read, others) if attrs.role == "final"]
    last = finals[-1] if finals else attributes.Attrs()
    if last.lr is None or last.start_lr is None or last.winner is None:
        return None
    return FinalPlan(last.lr, last.start_lr, last.bracket, last.winner, last.exponent or 0.0)


def _write_plan(study: Study, trial: FrozenTrial, plan: FinalPlan) -> None:
    limits = {"low": plan.bracket.low, "high": plan.bracket.high} if plan.bracket else {}
    attributes.write(
        study,
        trial,
        lr=plan.lr,
        start_lr=plan.start_lr,
        winner=plan.winner,
        exponent=plan.exponent,
        **limits,
    )


def _confirm(study: Study, trial: FrozenTrial, settings: Settings) -> Decision:
    """Give up a claim of the final role that a trial with a lower number made at the same time."""
    reason = forestalled_by(read_history(study, settings, exclude=trial.number), trial.number)
    if reason is None:
        return Decision("final")
    attributes.write(study, trial, became="surplus", role="surplus", reason=reason)
    return Decision("surplus", reason)
