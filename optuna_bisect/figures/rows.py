"""What people see of single trials and of single configurations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from optuna_bisect.decisions.configurations import find_searches
from optuna_bisect.decisions.searches import leader_of
from optuna_bisect.fitting.records import adjustment_of, losses_of
from optuna_bisect.trials.view import rate_of, reports_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

    from optuna_bisect.bracket import Bracket
    from optuna_bisect.decisions.searches import Search
    from optuna_bisect.decisions.winner import Winner
    from optuna_bisect.fitting.fit import Fit
    from optuna_bisect.fitting.records import Losses
    from optuna_bisect.study.history import History
    from optuna_bisect.trials.attributes import Attrs
    from optuna_bisect.trials.view import View

_STATES = {
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
    TrialState.FAIL: "failed",
    TrialState.COMPLETE: "complete",
}
HEADER = ("trial", "config", "rate", "verdict", "steps", "bracket", "fit", "reason")
# What became of a configuration that nothing else beats, and of the one that leads.
LEADING = ("winner", "best so far")
# How the reason of a probe begins that ended with its configuration.
_DROPPED = "dropped: "


@dataclass(frozen=True)
class Row:
    """One trial that has a learning rate.

    Attributes:
        number: Trial number.
        rate: Its learning rate.
        is_final: Whether it is a final trial; all others count as probes.
        outcome: Its verdict, or ``"dropped"`` with its configuration, ``"running"``, ``"failed"``,
            ``"complete"``, ``"no verdict"``.
        reason: One sentence, empty where none was given.
        bracket: The bracket that it was proposed from, or the limits of Phase 2.
        steps: Steps of its reports, ascending, counted up from near 0.
        losses: Its reports as they came, whatever their direction.
        start_lr: Rate at which Phase 2 starts, None in a probe.
        adjustment: What Phase 2 did, as ``BisectionLR`` wrote it, None if it did nothing.
        search: Number of the trial that began its search, which names its configuration; None
            where another sampler made it.
        rung: How often the length of its probe was tripled, 0 for those of the shortest length.
        both: Its training and validation losses, None where it gave none.
        fit: How well it fits, None where that is unknown or the rate was too high.
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
    search: int | None = None
    rung: int = 0
    both: Losses | None = None
    fit: Fit | None = None

    @property
    def n_steps(self) -> int:
        """Steps that were paid for."""
        return self.steps[-1] + 1 if self.steps else 0

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of a table under ``HEADER``."""
        limits = f"{self.bracket.low:.3g} .. {self.bracket.high:.3g}" if self.bracket else ""
        outcome = f"final, {self.outcome}" if self.is_final else self.outcome
        search = "" if self.search is None else str(self.search)
        return (
            str(self.number), search, f"{self.rate:.3g}", outcome, str(self.n_steps), limits,
            self.fit.name if self.fit else "", self.reason,
        )  # fmt: skip


@dataclass(frozen=True)
class Configuration:
    """Values of all parameters but the rate, and what the search of their rate found.

    Attributes:
        number: Number of the trial that began the search, ``bisect_search`` of all its trials.
        params: The values.
        rows: Its probes.
        rate: The best rate so far, None where no probe trained.
        bracket: Where the best rate lies, None while that is unknown.
        value: What the best probe ended with, in the direction of the reports; None without any.
        result: ``"winner"``, ``"best so far"``, ``"worse"``, ``"dropped"``, ``"searched"`` while
            it goes on, or ``"no rate"``.
        reason: One sentence about that.
        winner: The winner of its own search, None before that has ended.
        is_over: Whether its search has ended.
    """

    number: int | None
    params: Mapping[str, Any]
    rows: tuple[Row, ...]
    rate: float | None
    bracket: Bracket | None
    value: float | None
    result: str
    reason: str
    winner: Winner | None
    is_over: bool

    @property
    def n_steps(self) -> int:
        """Steps paid for its probes."""
        return sum(row.n_steps for row in self.rows)


def configurations_of(
    history: History, rows: Sequence[Row], winner: Winner | None
) -> tuple[Configuration, ...]:
    """Return the configurations in the order in which their searches began.

    Args:
        history: What storage holds.
        rows: All trials.
        winner: The winner of the study, None while its search goes on.

    Returns:
        The configurations; none where no trial belongs to a search.
    """
    searches = _highest_searches(history) if history.rungs[0].searches else ()
    best = leader_of(history).number if searches else None
    probes = [row for row in rows if not row.is_final]
    # Where there is one search, what another sampler ran before belongs to it as well.
    is_one = len(searches) == 1
    return tuple(
        _to_configuration(
            search,
            tuple(row for row in probes if is_one or row.search == search.number),
            value_sign=history.view.value_sign,
            report_sign=history.view.report_sign,
            leads=None if search.number != best else "winner" if winner else "best so far",
        )
        for search in searches
    )


def _highest_searches(history: History) -> list[Search]:
    """Return each search as it stands on the highest rung where it has a probe that trained."""
    found = {s.number: s for s in find_searches(history.rungs[0])}
    for rung in history.rungs[1:]:
        found |= {s.number: s for s in find_searches(rung) if s.strongest is not None}
    return list(found.values())


def _to_configuration(
    search: Search, rows: tuple[Row, ...], *, value_sign: int, report_sign: int, leads: str | None
) -> Configuration:
    best, winner = search.strongest, search.outcome.winner
    value = None
    if best is not None and best.has_score:
        end = search.score if math.isfinite(search.score) else best.value
        end = best.curve.losses[-1] if end is None else end
        value = end * (report_sign if best.value is None else value_sign)
    last = rows[-1] if rows else None
    dropped = search.dropped or (last.reason if last and last.outcome == "dropped" else None)
    if leads and winner:
        result, reason = leads, winner.status
    elif dropped:
        result, reason = "dropped", dropped.removeprefix(_DROPPED)
    elif not search.is_settled:
        result, reason = "searched", "its search goes on"
    elif winner is None:
        result, reason = "no rate", "none of its probes found a rate that trains"
    else:
        longest = f", with probes of {search.history.view.probe_steps} steps"
        told = longest if search.history.below is not None else ""
        result, reason = "worse", f"its best probe ended worse after a whole search{told}"
    return Configuration(
        number=search.number,
        params=search.held,
        rows=rows,
        rate=winner.lr if winner else best.rate if best else None,
        bracket=winner.bracket if winner else None,
        value=value,
        result=result,
        reason=reason,
        winner=winner if search.is_settled else None,
        is_over=search.is_settled,
    )


def row_of(trial: FrozenTrial, attrs: Attrs, view: View) -> Row | None:
    """Return the row of one trial, None where it has no rate or is surplus."""
    rate = rate_of(trial, view)
    if attrs.role == "surplus" or rate is None:
        return None
    returned = f"returned {trial.values[0]:.4g}" if trial.state == TrialState.COMPLETE else ""
    reports, both = reports_of(trial), losses_of(trial)
    return Row(
        number=trial.number,
        rate=rate,
        is_final=attrs.role == "final",
        # The recorded verdict, else what became of the trial.
        outcome=attrs.verdict or _state_of(trial, attrs),
        reason=attrs.reason or returned,
        bracket=attrs.bracket,
        steps=tuple(step for step, _ in reports),
        losses=tuple(loss for _, loss in reports),
        start_lr=attrs.start_lr,
        adjustment=adjustment_of(trial),
        search=attrs.search,
        rung=attrs.rung or 0,
        both=both,
        # Of a run whose rate was too high its fit says nothing about the model.
        fit=both.judge() if both and attrs.verdict != "overshoot" else None,
    )


def _state_of(trial: FrozenTrial, attrs: Attrs) -> str:
    if attrs.role == "probe" and (attrs.reason or "").startswith(_DROPPED):
        return "dropped"
    return _STATES.get(trial.state, "no verdict")


def format_params(params: Mapping[str, Any]) -> str:
    """Say the values of parameters in one line."""
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in params.items()
    )
