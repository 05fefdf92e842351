"""The claim protocol as a state machine, to be searched over all interleavings of its workers.

A step of a worker is one access to the storage: create a trial, read it all, write one attribute.
What a worker decides from a reading is asked of the code that runs (``roles``). Workers may die
between any two steps, be taken for dead although they live, and outwait each other.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from optuna_bisect.decisions.roles import decide, forestalled_by
from optuna_bisect.study.history import Running
from optuna_bisect.study.trial_kinds import Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna_bisect.decisions.roles import Decision
    from optuna_bisect.study.history import History


class Worker(NamedTuple):
    """A worker and its one trial.

    Attributes:
        at: What it does next.
        number: Its trial's number, -1 before there is one.
        role: The role that is written on the trial.
        decision: The role that it has decided on and not written yet.
        is_alive: Whether it will make another step.
        is_seen: Whether others take it for alive.
    """

    at: str = "create"
    number: int = -1
    role: str | None = None
    decision: str | None = None
    is_alive: bool = True
    is_seen: bool = True


World = tuple[Worker, ...]


@dataclass(frozen=True)
class Rules:
    """What may happen.

    Attributes:
        history: A study whose search is over and that has no final trial yet.
        n_deaths: Workers that may die.
        has_pauses: Whether a living worker may stand still for longer than any patience.
        has_confirm: Whether a claim is looked at again, off to see what that is good for.
        has_checks: Whether a running final trial looks at the others, likewise.
    """

    history: History
    n_deaths: int = 0
    has_pauses: bool = False
    has_confirm: bool = True
    has_checks: bool = True
    histories: dict[Any, History] = field(default_factory=dict, init=False, repr=False)
    decisions: dict[Any, Decision] = field(default_factory=dict, init=False, repr=False)

    def read(self, world: World, index: int) -> History:
        """Return the study as one worker reads it."""
        others = [w for i, w in enumerate(world) if i != index and w.number >= 0]
        live = [w for w in others if w.at not in ("complete", "ended") and w.is_seen]
        running = sorted((w.number, w.role) for w in live)
        complete = sorted(w.number for w in others if w.at == "complete")
        return self._history(tuple(running), tuple(complete))

    def steps(self, world: World) -> Iterator[World]:
        """Yield every world that may come next."""
        for i, worker in enumerate(world):
            if worker.at in ("complete", "ended"):
                continue
            if not worker.is_alive:
                if worker.is_seen:
                    yield _put(world, i, is_seen=False)
                continue
            yield from self._act(world, i, worker)
            if sum(not w.is_alive for w in world) < self.n_deaths:
                yield _put(world, i, is_alive=False)
            if self.has_pauses and worker.role == "final" and worker.is_seen:
                yield _put(world, i, is_seen=False)

    def _act(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        if worker.at == "create":
            number = 1 + max(w.number for w in world)
            yield _put(world, i, at="decide", number=number)
        elif worker.at == "decide":
            yield from self._decide(world, i, worker)
        elif worker.at == "write":
            at = "ended" if worker.decision == "surplus" else "confirm"
            yield _put(world, i, role=worker.decision, at=at if self.has_confirm else _skip(at))
        elif worker.at == "confirm":
            gives_way = forestalled_by(self.read(world, i), worker.number) is not None
            yield _put(world, i, at="give way" if gives_way else "run")
        elif worker.at == "give way":
            yield _put(world, i, role="surplus", at="ended")
        elif worker.at == "run":
            # Its sign of life comes before its reading; its last report comes with its end.
            world = _put(world, i, is_seen=True)
            gives_way = forestalled_by(self.read(world, i), worker.number) is not None
            at = "give way" if gives_way and self.has_checks else "complete"
            yield _put(world, i, at=at)

    def _decide(self, world: World, i: int, worker: Worker) -> Iterator[World]:
        history = self.read(world, i)
        decision = self._ask(history, worker.number)
        if decision.role is not None:
            yield _put(world, i, decision=decision.role, at="write")
            return
        before = [w for w in world if w.role is None and -1 < w.number < worker.number]
        if self.has_pauses or not any(w.is_alive for w in before):
            # The grace period is over: those without a role are taken for dead.
            with_role = [(r.number, r.role) for r in history.running if r.role is not None]
            late = self._ask(self._history(tuple(with_role), ()), worker.number)
            yield _put(world, i, decision=late.role, at="write")

    def _history(
        self, running: tuple[tuple[int, str | None], ...], complete: tuple[int, ...]
    ) -> History:
        """Return the study with these running trials and these complete finals."""
        key = (running, complete)
        if key not in self.histories:
            live = (Running(number, role, None, is_local=False) for number, role in running)
            finals = tuple(Final(n, True, False, False) for n in complete)
            finished = replace(self.history.finished, finals=finals)
            self.histories[key] = self.history._replace(running=tuple(live), finished=finished)
        return self.histories[key]

    def _ask(self, history: History, number: int) -> Decision:
        # Histories are kept, so that their identity tells them apart.
        key = (id(history), number)
        if key not in self.decisions:
            self.decisions[key] = decide(
                history, number, is_fixed=False, may_wait=False, exponent=0.32
            )
        return self.decisions[key]


def _skip(at: str) -> str:
    return "run" if at == "confirm" else at


def _put(world: World, i: int, **changes: Any) -> World:
    return (*world[:i], world[i]._replace(**changes), *world[i + 1 :])


def reachable(rules: Rules, n_workers: int) -> set[World]:
    """Return every world that some interleaving leads to."""
    start: World = (Worker(),) * n_workers
    found, todo = {start}, deque([start])
    while todo:
        for world in rules.steps(todo.popleft()):
            if world not in found:
                found.add(world)
                todo.append(world)
    return found


def n_complete(world: World) -> int:
    """Count complete final trials."""
    return sum(w.at == "complete" for w in world)


def is_at_rest(rules: Rules, world: World) -> bool:
    """Tell whether nothing will happen any more."""
    return next(rules.steps(world), None) is None


def with_one_more(rules: Rules, world: World) -> World:
    """Let one more worker come and work alone."""
    rules = replace(rules, n_deaths=0, has_pauses=False)
    world = (*world, Worker())
    while (following := next(rules.steps(world), None)) is not None:
        world = following
    return world
