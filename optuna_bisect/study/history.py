"""The history of a study: the observations that everything else is computed from."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna_bisect.search.horizon import EXPONENT
from optuna_bisect.search.probe import Probe
from optuna_bisect.study.configuration import find_searches, held_by, is_inside
from optuna_bisect.trials import internals
from optuna_bisect.trials.values import allowed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.distributions import BaseDistribution, FloatDistribution

    from optuna_bisect.search.evidence import Evidence
    from optuna_bisect.study.finished import Finished
    from optuna_bisect.study.trial_kinds import Final
    from optuna_bisect.trials.view import View
    from optuna_bisect.verdicts.curve import Curve

# Probes of idle workers do not count as spent, up to this many times what the user allows.
IDLE_FACTOR = 3


class Running(NamedTuple):
    """A trial that has not finished and is believed to live.

    Attributes:
        role: None while it has none, or where another sampler made it.
        rate: None while it has none.
        is_local: Whether another thread of this process runs it.
        age: Seconds since it was started, by this machine's clock; 0 where unknown.
        curve: What a probe has reported so far; None for any other trial.
        question: Why a probe was proposed.
        is_doubtful: Whether by the clock it would count as dead, which only waiting will tell.
        search: Number of the trial that began its search.
        others: Values of the parameters that are not the rate.
    """

    number: int
    role: str | None
    rate: float | None
    is_local: bool
    age: float = 0.0
    curve: Curve | None = None
    question: str | None = None
    is_doubtful: bool = False
    search: int | None = None
    others: Mapping[str, Any] = MappingProxyType({})


class History(NamedTuple):
    """Everything that a decision may depend on, read from storage in one pass.

    Attributes:
        view: How trials were read: the rate's name, the length of a probe, the directions.
        finished: What the finished trials say, with those that have their verdict already.
        running: Live running trials by number.
        distribution: Range of the rate in the latest trial that has it.
        final_steps: Length of the full run, None if unknown.
        max_probes: Number of probes after which the search ends in any case.
        cool_down: Share of the full run in which its rate decays, None if unknown.
        warm_start: Rate at which an earlier study says to start.
        rate_name: The parameter that looks like the rate, whatever the settings say.
        recorded_param: The parameter that trials have recorded as the rate.
        n_configurations: How many configurations a rate is searched for.
        group_by: Names of the parameters whose values want rates of their own, None if unknown.
        space: Latest distribution of every parameter that is not the rate.
        exponent: Power by which the best constant rate falls with the length of a run.
        below: The same study on the rung below this one, where probes are shorter; None on the
            lowest rung.
        rival: The best probe of another configuration, where that one leads: probes were cut for
            falling behind it, and still have to be compared with each other.
    """

    view: View
    finished: Finished
    running: tuple[Running, ...]
    distribution: FloatDistribution | None
    final_steps: int | None
    max_probes: int | None
    cool_down: float | None = None
    warm_start: float | None = None
    rate_name: str | None = None
    recorded_param: str | None = None
    n_configurations: int = 1
    group_by: Sequence[str] | None = None
    space: Mapping[str, BaseDistribution] = MappingProxyType({})
    exponent: float = EXPONENT
    below: History | None = None

    @property
    def rungs(self) -> tuple[History, ...]:
        """The study on every rung up to this one, the lowest first."""
        return (self,) if self.below is None else (*self.below.rungs, self)

    @property
    def rung(self) -> int:
        """Number of the rung, 0 for the lowest."""
        return 0 if self.below is None else 1 + self.below.rung

    rival: Probe | None = None

    @property
    def has_final(self) -> bool:
        """Whether the study ends in a final trial: where both lengths are known and differ."""
        steps = self.view.probe_steps
        return steps is not None and self.final_steps is not None and steps < self.final_steps

    @property
    def done_by(self) -> int | None:
        """The final trial that ends the study: as long as is asked for, and chosen from as many.

        So a finished study that is resumed with a longer ``final_steps`` runs one more, and one
        resumed with more ``n_configurations`` goes on.
        """
        least = self.n_configurations
        finals = (f for f in self._long_finals if (f.n_configurations or 1) >= least)
        return next((f.number for f in finals), None)

    def trained(self, winner: int) -> int | None:
        """Return the complete final trial that a probe has been the winner for, None without."""
        return next((f.number for f in self._long_finals if f.winner == winner), None)

    @property
    def _long_finals(self) -> list[Final]:
        finals = (f for f in self.finished.finals if f.is_complete)
        return [f for f in finals if f.steps is None or f.steps >= (self.final_steps or 0)]

    @property
    def is_exhausted(self) -> bool:
        """Whether as many probes were spent as the user allows."""
        if self.max_probes is None:
            return False
        return self.finished.n_probes >= self.max_probes or self.is_overrun

    @property
    def is_overrun(self) -> bool:
        """Whether ``IDLE_FACTOR * max_probes`` were spent, probes of idle workers included."""
        if self.max_probes is None:
            return False
        n_idle = sum(p.question == "spread" for p in self.finished.probes)
        return self.finished.n_probes + n_idle >= IDLE_FACTOR * self.max_probes

    @property
    def is_in_vain(self) -> bool:
        """Whether so many configurations ended without a rate that no more are begun.

        They belong to no search, so that a sampler which draws them again would never come to an
        end: an objective with a rate of its own in each branch, or that prunes before it has one.
        """
        if self.max_probes is None:
            return False
        begun = find_searches(self.members)
        n_vain = sum(n for s, n in self.finished.spent.items() if s is not None and s not in begun)
        return n_vain >= IDLE_FACTOR * max(self.max_probes, self.n_configurations)

    @property
    def members(self) -> list[Probe | Running]:
        """Every probe, finished or running."""
        return [*self.finished.probes, *(r for r in self.running if r.role == "probe")]

    @property
    def searches(self) -> tuple[int, ...]:
        """Numbers of the searches that were begun with values that are still possible."""
        members = self.members
        found = find_searches(members)
        if not self.space:
            return found
        return tuple(s for s in found if self._is_possible(held_by(members, s)))

    def _is_possible(self, held: Mapping[str, Any]) -> bool:
        space = self.space
        return all(
            allowed(v, space[name]) is not internals.MISSING
            for name, v in held.items()
            if name in space
        )

    def held(self, search: int | None) -> dict[str, Any]:
        """Return the values that a search holds."""
        return held_by(self.members, search)

    def of(self, search: int | None) -> History:
        """Return what a search may learn from: what ran with the values that it holds."""
        if search is None:
            return self
        members = self.members
        if len({m.search for m in members}) < 2 and not any(m.others for m in members):
            return self
        held = held_by(members, search)
        running = (r for r in self.running if r.role != "probe" or is_inside(r, search, held))
        return self._replace(finished=self.finished.of(search, held), running=tuple(running))

    def evidence(self) -> Evidence | None:
        """Judge the probes on the grid of the latest range; None while no trial has one."""
        if self.distribution is None:
            return None
        return self.evidence_in(self.distribution.low, self.distribution.high)

    def evidence_in(self, low: float, high: float) -> Evidence:
        """Judge the probes on the grid of a range."""
        return self.finished.evidence(low, high, self.warm_start, rival=self.rival)

    def running_probes(self, least_horizon: float = 0) -> list[Probe]:
        """Return the probes that still run and have reported, from ``least_horizon`` steps on."""
        return [
            Probe(r.number, r.rate, r.curve, is_full=False, question=r.question)
            for r in self.running
            if r.rate is not None and r.curve is not None and r.curve.horizon >= least_horizon
        ]
