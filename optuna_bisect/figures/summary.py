"""A study as people want to see it: one row per trial, the winner and the final trial.

Figures, the dashboard's note and the tables of the studies are all made from this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from optuna_bisect.decisions.winner import find_winner
from optuna_bisect.study import attributes, internals
from optuna_bisect.study.finished import rate_of, reports_of
from optuna_bisect.study.reading import read_history

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.bracket import Bracket
    from optuna_bisect.decisions.winner import Winner
    from optuna_bisect.study.finished import View

_STATES = {
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
    TrialState.FAIL: "failed",
    TrialState.COMPLETE: "complete",
}
HEADER = ("trial", "rate", "verdict", "steps", "bracket", "reason")


@dataclass(frozen=True)
class Row:
    """One trial that has a learning rate.

    Attributes:
        number: Trial number.
        rate: Its learning rate.
        is_final: Whether it is a final trial; all others count as probes.
        outcome: Its verdict, or ``"running"``, ``"failed"``, ``"complete"``, ``"no verdict"``.
        reason: One sentence, empty where none was given.
        bracket: The bracket that it was proposed from, or the limits of Phase 2.
        steps: Steps of its reports, ascending, counted up from near 0.
        losses: Its reports as they came, whatever their direction.
        start_lr: Rate at which Phase 2 starts, None in a probe.
        adjustment: What Phase 2 did, as ``BisectionLR`` wrote it, None if it did nothing.
    """

    number: int
    rate: float
    is_final: bool
    outcome: str
    reason: str
    bracket: Bracket | None
    steps: tuple[int, ...]
    losses: tuple[float, ...]
    start_lr: float | None
    adjustment: dict[str, Any] | None

    @property
    def n_steps(self) -> int:
        """Steps that were paid for."""
        return self.steps[-1] + 1 if self.steps else 0

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of a table under ``HEADER``."""
        limits = f"{self.bracket.low:.3g} .. {self.bracket.high:.3g}" if self.bracket else ""
        outcome = f"final, {self.outcome}" if self.is_final else self.outcome
        return (
            str(self.number), f"{self.rate:.3g}", outcome, str(self.n_steps), limits, self.reason
        )  # fmt: skip


@dataclass(frozen=True)
class Summary:
    """A study, ready to be shown.

    Attributes:
        rows: Trials with a rate by number, without surplus ones.
        winner: The winner, None while there is none, and where another sampler chose the rates.
        final: The final trial that completed, else the latest one, None while there is none.
        final_steps: Length of the full run, None if unknown.
        is_report_maximized: Whether reports are better the higher they are.
        param_name: Name of the rate, None while no trial has one.
        stopped: Why the latest trial found nothing to do, None where it did.
        n_trials: Number of all trials, those without a rate included.
        is_foreign: Whether another sampler proposed every trial.
    """

    rows: tuple[Row, ...]
    winner: Winner | None
    final: Row | None
    final_steps: int | None
    is_report_maximized: bool
    param_name: str | None
    stopped: str | None
    n_trials: int
    is_foreign: bool

    @property
    def probes(self) -> tuple[Row, ...]:
        """The rows that are no final trial."""
        return tuple(row for row in self.rows if not row.is_final)

    @property
    def cost(self) -> float | None:
        """Steps paid for probes, in full runs; None where the full length is unknown."""
        if self.final_steps is None:
            return None
        return sum(row.n_steps for row in self.probes) / self.final_steps

    @property
    def conclusion(self) -> str:
        """Where the study stands, in a few sentences."""
        if not self.n_trials:
            return "No learning rate yet: no trial has begun."
        if self.param_name is None:
            return "No learning rate yet: no trial has a log-scale float or what param_name names."
        if self.is_foreign:
            return "No search, no winner: another sampler than BisectionSampler chose every rate."
        if self.winner is None:
            n_probes = f"{len(self.probes)} probe{'s' * (len(self.probes) != 1)}"
            if self.stopped is None:
                return f"No winner yet: {n_probes} so far."
            return f"No winner after {n_probes}: {self.stopped.removeprefix('no winner: ')}."
        found = f"Probe {self.winner.number} won with a rate of {self.winner.lr:.3g}"
        if self.winner.bracket is not None:
            found += f" inside {self.winner.bracket.low:.3g} .. {self.winner.bracket.high:.3g}"
        return f"{found} ({self.winner.status}).{self._what_became_of_it(self.winner.lr)}"

    def _what_became_of_it(self, lr: float) -> str:
        """Say what the final trials made of the winner's rate."""
        text = ""
        if self.final is not None:
            first, last = next(row for row in self.rows if row.is_final), self.final
            is_same = last.rate == first.rate
            text = f" {_corrected(first.rate / lr if lr else 1.0, last if is_same else first)}."
            if not is_same:
                text += f" That diverged; final trial {last.number} took {last.rate:.3g}."
        is_open = self.final is None or self.final.outcome not in ("complete", "running")
        if is_open and self.stopped is not None:
            text += f" The study stopped: {self.stopped}."
        return text


def _corrected(ratio: float, final: Row) -> str:
    if math.isclose(ratio, 1, rel_tol=1e-6):
        return f"Final trial {final.number} took it as it is: probes were as long as the full run"
    return (
        f"Corrected by {ratio:.3g} for the longer run, that is {final.rate:.3g} for final trial "
        f"{final.number}"
    )


def summarize(study: Study) -> Summary:
    """Read a study for people.

    Args:
        study: Any study; one that ``BisectionSampler`` never saw gives rows without brackets.

    Returns:
        The summary.
    """
    history = read_history(study)
    trials = [(trial, attributes.read(trial)) for trial in internals.all_trials(study)]
    found = (row_of(trial, attrs, history.view) for trial, attrs in trials)
    rows = tuple(row for row in found if row is not None)
    finals = [row for row in rows if row.is_final]
    complete = [row for row in finals if row.outcome == "complete"]
    is_stopped = bool(trials) and trials[-1][1].role == "surplus"
    is_foreign = bool(trials) and all(attrs.role is None for _, attrs in trials)
    return Summary(
        rows=rows,
        winner=None if is_foreign else find_winner(study),
        final=next(reversed(complete or finals), None),
        final_steps=history.final_steps,
        is_report_maximized=history.view.report_sign < 0,
        param_name=history.view.param_name,
        stopped=trials[-1][1].reason if is_stopped else None,
        n_trials=len(trials),
        is_foreign=is_foreign,
    )


def row_of(trial: FrozenTrial, attrs: attributes.Attrs, view: View) -> Row | None:
    """Return the row of one trial, None where it has no rate or is surplus."""
    rate = rate_of(trial, view)
    if attrs.role == "surplus" or rate is None:
        return None
    returned = f"returned {trial.values[0]:.4g}" if trial.state == TrialState.COMPLETE else ""
    reports = reports_of(trial)
    return Row(
        number=trial.number,
        rate=rate,
        is_final=attrs.role == "final",
        # The recorded verdict, else what became of the trial.
        outcome=attrs.verdict or _STATES.get(trial.state, "no verdict"),
        reason=attrs.reason or returned,
        bracket=attrs.bracket,
        steps=tuple(step for step, _ in reports),
        losses=tuple(loss for _, loss in reports),
        start_lr=attrs.start_lr,
        adjustment=attrs.adjustment,
    )
