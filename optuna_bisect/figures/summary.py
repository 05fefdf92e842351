"""A study as people want to see it: trials, configurations, the winner and the final trial.

Figures, the dashboard's note and the tables of the studies are all made from this.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from optuna_bisect.decisions.winner import find_winner
from optuna_bisect.figures.rows import LEADING, configurations_of, format_params, row_of
from optuna_bisect.study.reading import read_history
from optuna_bisect.trials import attributes, internals

if TYPE_CHECKING:
    from optuna.study import Study

    from optuna_bisect.decisions.winner import Winner
    from optuna_bisect.figures.rows import Configuration, Row


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
        configurations: The configurations in the order in which their searches began.
        n_configurations: How many there will be.
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
    configurations: tuple[Configuration, ...] = ()
    n_configurations: int = 1

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
                return f"No winner yet: {n_probes} so far.{self._what_leads()}"
            return f"No winner after {n_probes}: {self.stopped.removeprefix('no winner: ')}."
        found = f"Probe {self.winner.number} won with a rate of {self.winner.lr:.3g}"
        if self.winner.bracket is not None:
            found += f" inside {self.winner.bracket.low:.3g} .. {self.winner.bracket.high:.3g}"
        found += f" ({self.winner.status}).{self._what_became_of_it(self.winner.lr)}"
        if self.winner.params and self.configurations:
            found += f" Its configuration: {format_params(self.winner.params)}."
        return found

    def _what_leads(self) -> str:
        """Say which of several configurations is the best so far."""
        best = self.leading
        if not self.is_several or best is None or best.rate is None:
            return ""
        held = f" ({format_params(best.params)})" if best.params else ""
        return f" Configuration {best.number} leads with a rate of {best.rate:.3g}{held}."

    def _what_became_of_it(self, lr: float) -> str:
        """Say what the final trials made of the winner's rate."""
        text = ""
        if self.final is not None:
            first, last = next(row for row in self.rows if row.is_final), self.final
            is_same = last.rate == first.rate
            text = f" {_corrected(first.rate / lr if lr else 1.0, last if is_same else first)}."
            if not is_same:
                text += f" That diverged; final trial {last.number} took {last.rate:.3g}."
            if last.fit is not None:
                text += f" {_told(last)}"
        is_open = self.final is None or self.final.outcome not in ("complete", "running")
        if is_open and self.stopped is not None:
            text += f" The study stopped: {self.stopped}."
        return text

    @property
    def is_several(self) -> bool:
        """Whether there are, or will be, searches of several configurations."""
        return max(len(self.configurations), self.n_configurations) > 1

    @property
    def leading(self) -> Configuration | None:
        """The configuration that won, or leads; None while none has a balanced probe."""
        return next((c for c in self.configurations if c.result in LEADING), None)

    def choose(self, search: int | None) -> Configuration | None:
        """Return the configuration whose search a figure shows: by its number, else the best one.

        None where the whole study is one search. A number that names no search is refused by a
        ValueError.
        """
        if search is not None:
            found = next((c for c in self.configurations if c.number == search), None)
            if found is None:
                known = [c.number for c in self.configurations]
                raise ValueError(f"search must be one of {known} but got {search!r}.")
            return found if self.is_several else None
        if not self.is_several or not self.configurations:
            return None
        return self.leading or self.configurations[-1]

    def of(self, configuration: Configuration | None) -> Summary:
        """Return what belongs to one search: its probes, its winner, its final trial."""
        if configuration is None:
            return self
        number = configuration.number
        rows = tuple(row for row in self.rows if row.search == number)
        final = self.final if self.final is not None and self.final.search == number else None
        return replace(self, rows=rows, winner=configuration.winner, final=final)


def _told(final: Row) -> str:
    """Say how the final trial fits, and where its best weights were."""
    fit = final.fit
    if fit is None or final.both is None:
        return ""
    told = f"It shows {fit}"
    is_past = fit.name == "over-fitting" and fit.best_val_loss < final.both.points[-1][2]
    return f"{told}: the weights of that step are the ones to keep." if is_past else f"{told}."


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
    winner = None if is_foreign else find_winner(study)
    return Summary(
        rows=rows,
        winner=winner,
        final=next(reversed(complete or finals), None),
        final_steps=history.final_steps,
        is_report_maximized=history.view.report_sign < 0,
        param_name=history.view.param_name,
        stopped=trials[-1][1].reason if is_stopped else None,
        n_trials=len(trials),
        is_foreign=is_foreign,
        configurations=() if is_foreign else configurations_of(history, rows, winner),
        n_configurations=history.n_configurations,
    )
