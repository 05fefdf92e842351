"""A small copy of optuna_integration 5.0's ``TorchDistributedTrial``, which is not installed.

Every method is called on all ranks: rank 0 asks its trial and sends answer and properties.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
import torch
import torch.distributed as dist

if TYPE_CHECKING:
    from collections.abc import Callable

_PROPERTIES = ("number", "params", "distributions", "user_attrs", "datetime_start")


class TorchDistributedTrial(optuna.trial.BaseTrial):
    """The trial of rank 0, on every rank."""

    def __init__(self, trial: optuna.Trial | None) -> None:
        self._delegate = trial
        self._fetch()

    def suggest_float(self, name: str, low: float, high: float, **options: Any) -> float:
        return self._ask_number(lambda t: t.suggest_float(name, low, high, **options), torch.float)

    def suggest_int(self, name: str, low: int, high: int, **options: Any) -> int:
        return self._ask_number(lambda t: t.suggest_int(name, low, high, **options), torch.int)

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self._ask(lambda t: t.suggest_categorical(name, choices))

    def _deprecated(self, *arguments: Any) -> Any:
        raise NotImplementedError(arguments)

    suggest_uniform = suggest_loguniform = suggest_discrete_uniform = _deprecated

    def set_constraint(self, key: str, value: float) -> None:
        self._ask(lambda t: t.set_constraint(key, value))

    def report(self, value: float, step: int) -> None:
        self._ask(lambda t: t.report(value, step))

    def should_prune(self) -> bool:
        return bool(self._ask_number(lambda t: t.should_prune(), torch.uint8))

    def set_user_attr(self, key: str, value: Any) -> None:
        self._ask(lambda t: t.set_user_attr(key, value))

    def _ask_number(self, question: Callable[[optuna.Trial], Any], dtype: torch.dtype) -> Any:
        buffer = torch.empty(1, dtype=dtype)
        try:
            if self._delegate is not None:
                buffer[0] = question(self._delegate)
            dist.broadcast(buffer, src=0)
        finally:
            self._fetch()
        return buffer.item()

    def _ask(self, question: Callable[[optuna.Trial], Any]) -> Any:
        answer = _send(None if self._delegate is None else question(self._delegate))
        self._fetch()
        return answer

    def _fetch(self) -> None:
        found = [getattr(self._delegate, name, None) for name in _PROPERTIES]
        self._known = dict(zip(_PROPERTIES, _send(found)))

    number = property(lambda self: self._known["number"])
    params = property(lambda self: self._known["params"])
    distributions = property(lambda self: self._known["distributions"])
    user_attrs = property(lambda self: self._known["user_attrs"])
    datetime_start = property(lambda self: self._known["datetime_start"])
    constraints = property(lambda self: {})


def _send(value: Any) -> Any:
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]
