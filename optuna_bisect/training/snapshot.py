"""The last good weights of a run, in memory."""

from __future__ import annotations

import copy
from typing import Any, Protocol

import torch


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
    """

    def __init__(self, targets: tuple[Restorable, ...]) -> None:
        self._targets = targets
        self._start = self._good = self._copies()
        self._pending: list[Any] | None = None
        self.n_offers = 0
        self._is_proven = False

    def offer(self) -> None:
        """Copy the present state, and trust the copy before it."""
        self.n_offers += 1
        if self._pending is not None:
            self._good, self._is_proven = self._pending, True
        self._pending = self._copies()

    def keep(self) -> None:
        """Trust the present state at once."""
        self._good, self._pending, self._is_proven = self._copies(), None, True

    def rewind(self) -> bool:
        """Put the first state back, and keep the last good one."""
        return self._put_back(self._start)

    def restore(self) -> bool:
        """Put the last good state back; it can be put back again."""
        return self._put_back(self._good)

    def step_back(self) -> bool:
        """Put an earlier state of a run that is not ruined back, unless only the first is there.

        Returns:
            Whether there was one.
        """
        state = self._good if self._is_proven else self._pending
        if state is None:
            return False
        return self._put_back(state)

    def restart(self) -> bool:
        """Put the first state back, where the last good one turned out to be none."""
        self._good, self.n_offers, self._is_proven = self._start, 0, False
        return self._put_back(self._start)

    def state_dict(self) -> dict[str, Any]:
        """Return every copy: tensors, so that a run may resume bit by bit."""
        return {
            "start": self._start,
            "good": self._good,
            "pending": self._pending,
            "n_offers": self.n_offers,
            "is_proven": self._is_proven,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the copies of `state_dict` instead of the own ones."""
        self._start, self._good = state_dict["start"], state_dict["good"]
        self._pending, self.n_offers = state_dict["pending"], state_dict["n_offers"]
        self._is_proven = state_dict["is_proven"]

    def _put_back(self, states: list[Any]) -> bool:
        self._pending = None
        for target, state in zip(self._targets, states, strict=True):
            # An optimizer keeps the tensors that it is given and updates them in place.
            target.load_state_dict(_copy(state))
        return True

    def _copies(self) -> list[Any]:
        return [_copy(target.state_dict()) for target in self._targets]


def _copy(state: Any) -> Any:
    """Copy a nest of dictionaries and lists, its tensors cut from their graph."""
    if isinstance(state, torch.Tensor):
        return state.detach().clone()
    if isinstance(state, dict):
        return {key: _copy(value) for key, value in state.items()}
    if isinstance(state, list):
        return [_copy(value) for value in state]
    return copy.deepcopy(state)
