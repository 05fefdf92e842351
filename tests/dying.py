"""A storage that dies at its n-th call, as the process that made the call would."""

from __future__ import annotations

from typing import Any

from optuna.storages import BaseStorage


class Killed(BaseException):
    """No handler of Optuna or of an objective catches this: nothing more is written."""


class DyingStorage(BaseStorage):
    """One worker's way to a storage that others share.

    Args:
        shared: The storage behind it.
        n_calls: The call at which the worker dies, counted from 1, before anything is written.
        after: Whether it dies after that call has been carried out instead.
    """

    def __init__(self, shared: BaseStorage, n_calls: int, *, after: bool = False) -> None:
        self._shared, self._n_left, self._after = shared, n_calls, after
        self.is_dead = False

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if self.is_dead:
            raise Killed
        self._n_left -= 1
        self.is_dead = self._n_left == 0
        if self.is_dead and not self._after:
            raise Killed
        answer = getattr(self._shared, name)(*args, **kwargs)
        if self.is_dead:
            raise Killed
        return answer


def _delegate(name: str):
    def method(self: DyingStorage, *args: Any, **kwargs: Any) -> Any:
        return self._call(name, *args, **kwargs)

    return method


for _name in BaseStorage.__abstractmethods__:
    setattr(DyingStorage, _name, _delegate(_name))
DyingStorage.__abstractmethods__ = frozenset()
