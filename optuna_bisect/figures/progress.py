"""How far a study has come: its phase, what runs, its share of the budget, the time left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from optuna_bisect.figures.summary import summarize
from optuna_bisect.study.configuration import rung_steps
from optuna_bisect.study.reading import read_history
from optuna_bisect.study.settings import Settings
from optuna_bisect.trials import attributes, internals, liveness

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.figures.rows import Configuration, Row
    from optuna_bisect.figures.summary import Summary
    from optuna_bisect.study.history import History


class Progress(NamedTuple):
    """How far a study has come.

    Attributes:
        phase: 1 while it probes, 2 from the end of the search on, None where no final trial is
            planned.
        running: Trials that have a rate and are believed to live, by number.
        n_probes: Probes that have ended.
        share: Steps done of those that the study takes in all; at least, where the search may end
            before ``max_probes``. None where no final trial is planned.
        seconds_left: Time for the rest at the mean speed so far, None while that is unknown.
        is_complete: Whether the final trial is complete.
        configurations: How many were begun, and how many there will be; None for a single one.
    """

    phase: int | None
    running: tuple[Row, ...]
    n_probes: int
    share: float | None
    seconds_left: float | None
    is_complete: bool
    configurations: tuple[int, int] | None = None


def read_progress(study: Study) -> Progress:
    """Read how far a study has come, in any process: storage says it all."""
    trials = internals.all_trials(study)
    stale_after = attributes.latest(trials, "stale_after")
    history = read_history(study, Settings(stale_after=stale_after))
    summary = summarize(study)
    alive = {running.number for running in history.running}
    running = tuple(row for row in summary.rows if row.number in alive)
    current = next((row for row in reversed(running) if row.is_final), None)
    is_complete = summary.final is not None and summary.final.outcome == "complete"
    if is_complete:
        current = summary.final
    paid = sum(row.n_steps for row in summary.rows)
    budget = _budget(history, summary, running, current)
    speed = _seconds_per_step(trials, summary, alive)
    is_over = current is not None or summary.winner is not None
    return Progress(
        phase=(2 if is_over else 1) if history.has_final else None,
        running=running,
        n_probes=sum(row.number not in alive for row in summary.probes),
        share=min(paid / budget, 1.0) if budget else None,
        seconds_left=max(budget - paid, 0) * speed if budget and speed else None,
        is_complete=is_complete,
        configurations=_count(summary) if current is None else None,
    )


def _count(summary: Summary) -> tuple[int, int] | None:
    """Count the configurations that were begun, and those that there will be."""
    n_begun = len(summary.configurations)
    return (n_begun, max(n_begun, summary.n_configurations)) if summary.is_several else None


def _budget(
    history: History, summary: Summary, running: tuple[Row, ...], current: Row | None
) -> int | None:
    """Return the steps of the whole study: spent ones, probes that may follow, the full run.

    The steps of final trials that broke off count as spent: the next one takes all of them again.
    """
    if not history.has_final or history.final_steps is None:
        return None
    spent = sum(row.n_steps for row in summary.rows if row is not current)
    if current is not None or summary.winner is not None:
        return spent + history.final_steps
    if summary.is_several:
        return spent + _steps_ahead(history, summary) + history.final_steps
    n_left = max(0, (history.max_probes or 0) - history.finished.n_probes)
    ahead = n_left * (history.view.probe_steps or 0) - sum(row.n_steps for row in running)
    return spent + max(0, ahead) + history.final_steps


def _steps_on_lowest(configuration: Configuration) -> int:
    return sum(row.n_steps for row in configuration.rows if row.rung == 0)


def _steps_ahead(history: History, summary: Summary) -> int:
    """Return the steps of probes to come if the other configurations cost as much as those so far.

    While none is done, each may take ``max_probes`` whole probes. On a rung above, a configuration
    costs as much more as its probes are longer.
    """
    lowest = [_steps_on_lowest(c) for c in summary.configurations if c.is_over]
    done = [n for n in lowest if n]
    most = (history.max_probes or 0) * (history.rungs[0].view.probe_steps or 0)
    each = sum(done) / len(done) if done else most
    if history.below is not None:
        n = max(len(summary.configurations), summary.n_configurations)
        times = [rung_steps(math.ceil(n / rung_steps(1, r)), r) for r in range(history.rung + 1)]
        paid = sum(row.n_steps for row in summary.probes)
        return max(0, round(each * sum(times)) - paid)
    open_ = [c.n_steps for c in summary.configurations if not c.is_over]
    n_new = max(0, summary.n_configurations - len(summary.configurations))
    return round(n_new * each + sum(max(0, each - paid) for paid in open_))


def _seconds_per_step(
    trials: list[FrozenTrial], summary: Summary, alive: set[int]
) -> float | None:
    """Return the mean time of a step in all trials, what they need besides included."""
    steps = {row.number: row.n_steps for row in summary.rows if row.n_steps}
    timed = [t for t in trials if t.number in steps and (t.duration or t.number in alive)]
    n_steps = sum(steps[t.number] for t in timed)
    seconds = sum(t.duration.total_seconds() if t.duration else liveness.age_of(t) for t in timed)
    return seconds / n_steps if n_steps else None
