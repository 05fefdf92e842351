"""The last good weights of a run, in memory: when they are copied, and when they come back."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Protocol

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
        self._targets = targets
        self.start = self._copies()
        self.good: list[Any] | None = None
        self.pending: list[Any] | None = None
        self.n_offers = 0

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
        return {name: value for name, value in vars(self).items() if name != "_targets"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the copies of ``state_dict`` instead of the own ones."""
        vars(self).update(state_dict)

    def _copies(self) -> list[Any]:
        return [copy.deepcopy(target.state_dict()) for target in self._targets]


def follow(snapshot: Snapshot, optimizer: Optimizer, state: State, settings: Settings) -> bool:
    """Keep the weights or put earlier ones back, as the state after an interval says.

    The optimizer keeps its rates, whatever is put back. A copy of healthy weights is due once a
    window.

    Returns:
        Whether weights were put back.
    """
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
