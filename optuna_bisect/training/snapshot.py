"""The last good weights of a run, in memory: when they are copied, and when they come back."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Protocol

from torch.nn.parameter import is_lazy

from optuna_bisect.feedback.detectors import is_healthy
from optuna_bisect.training.param_groups import keep_rates

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from optuna_bisect.feedback.settings import Settings
    from optuna_bisect.feedback.state import State

# Copies after which the last good one is trusted even if the run collapses twice.
_N_PROVEN = 6


class Restorable(Protocol):
    """A model, an optimizer, or anything else with torch's pair of state methods."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Take a state back."""


class Snapshot:
    """Keep the last state that later losses proved good.

    The loss of a step is computed before its update, so weights can be ruined while the loss still
    looks well. A copy therefore counts as good only when the next one is offered.

    Args:
        targets: What to keep, usually a model and its optimizer. Memory: three copies of the
            model and two of the optimizer's state, on their own devices.

    Attributes:
        start: The state before the first update.
        good: The last state that is trusted, None where there is none yet.
        pending: The one after it, which later losses have to prove.
        n_offers: Number of states that were offered.
    """

    def __init__(self, targets: tuple[Restorable, ...]) -> None:
        self._targets: list[Restorable] = [_own_part(target) for target in targets]
        self._form = [_form_of(target.state_dict()) for target in self._targets]
        self.start = self._copies()
        self.good: list[Any] | None = None
        self.pending: list[Any] | None = None
        self.n_offers = 0

    def follow_form(self) -> None:
        """Begin anew with the present state where the copies do not fit any more.

        A parameter group or a parametrization was added, or a lazy module got its weights.
        """
        form = [_form_of(target.state_dict()) for target in self._targets]
        if form != self._form:
            self._form, self.start = form, self._copies()
            self.good, self.pending, self.n_offers = None, None, 0

    def offer(self) -> None:
        """Copy the present state, and trust the copy before it."""
        self.n_offers += 1
        self.good, self.pending = self.pending or self.good, self._copies()

    def keep(self) -> None:
        """Trust the present state at once."""
        self.good, self.pending = self._copies(), None

    def distrust(self) -> None:
        """Forget the last good state, which turned out to be none."""
        self.good, self.n_offers = None, 0

    def put_back(self, states: list[Any] | None) -> bool:
        """Load one of the copies, which can be put back again; False where there is none."""
        self.pending = None
        if states is None:
            return False
        for target, state in zip(self._targets, states, strict=True):
            # An optimizer keeps the tensors that it is given and updates them in place.
            target.load_state_dict(copy.deepcopy(state))
        return True

    @property
    def trusted(self) -> list[Any]:
        """The last good state, the first one where there is none yet."""
        return self.good or self.start

    def state_dict(self) -> dict[str, Any]:
        """Return every copy: tensors, so that a run may resume bit by bit."""
        return {name: value for name, value in vars(self).items() if name[0] != "_"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the copies of ``state_dict`` instead of the own ones."""
        vars(self).update(state_dict)
        self._form = [_form_of(state) for state in self.start] or self._form

    def _copies(self) -> list[Any]:
        states = [target.state_dict() for target in self._targets]
        # What a lazy module does not have yet cannot be copied, and is never put back.
        is_empty = [any(is_lazy(value) for value in state.values()) for state in states]
        return [{} if empty else copy.deepcopy(s) for s, empty in zip(states, is_empty)]


def _own_part(target: Restorable) -> Restorable:
    """Return what this process holds of ZeRO's optimizer, whose whole state is spread over all."""
    is_spread = hasattr(target, "consolidate_state_dict")
    return getattr(target, "optim", target) if is_spread else target


def _form_of(state_dict: dict[str, Any]) -> object:
    """Return what has to be the same where a state is loaded, whatever its numbers are."""
    if "param_groups" in state_dict:
        return [len(group["params"]) for group in state_dict["param_groups"]]
    return {
        # The shape of weights that a lazy module does not have yet cannot be asked for.
        name: None if is_lazy(value) else getattr(value, "shape", None)
        for name, value in state_dict.items()
    }


def follow(snapshot: Snapshot, optimizer: Optimizer, state: State, settings: Settings) -> bool:
    """Keep the weights or put earlier ones back, as the state after an interval says.

    The optimizer keeps its rates, whatever is put back. A copy of healthy weights is due once a
    window.

    Returns:
        Whether weights were put back.
    """
    snapshot.follow_form()
    race = state.race
    if race is not None and race.keeps:
        snapshot.keep()
    states: list[Any] | None
    if race is not None and race.returns != "nothing":
        states = snapshot.start if race.returns == "first" else snapshot.trusted
    elif "stall" in state.signals:
        # The run is not ruined: what is not proven will do as well, and the first state will not.
        states = snapshot.good or snapshot.pending
    elif "collapse" in state.signals:
        if state.n_collapses > 1 and snapshot.n_offers < _N_PROVEN:
            # Dead units can look healthy for a while; they collapse again and again.
            snapshot.distrust()
        states = snapshot.trusted
    else:
        if state.n_intervals % settings.window == 0 and is_healthy(state):
            snapshot.offer()
        return False
    with keep_rates(optimizer):
        return snapshot.put_back(states)
