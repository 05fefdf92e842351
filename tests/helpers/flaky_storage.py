"""A storage whose calls fail at random, as those of a database behind a bad network do."""

from __future__ import annotations

import contextlib
import random
import traceback
from typing import TYPE_CHECKING, Any

from failing_storage import DyingStorage
from optuna.exceptions import StorageInternalError
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import optuna
    from optuna.storages import BaseStorage, RDBStorage

SHARE = 0.05


class FlakyStorage(DyingStorage):
    """Raises what ``RDBStorage`` raises, before a call is carried out or after it."""

    def __init__(self, shared: BaseStorage, seed: int, share: float = SHARE) -> None:
        super().__init__(shared, 0)
        self._chance, self._share = random.Random(seed), share

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        is_hit = self._chance.random() < self._share
        is_done = is_hit and self._chance.random() < 0.5
        if is_hit and not is_done:
            raise StorageInternalError(f"{name}: the connection is lost")
        answer = getattr(self._shared, name)(*args, **kwargs)
        if is_done:
            raise StorageInternalError(f"{name}: the connection was lost before the answer")
        return answer


FlakyStorage.__abstractmethods__ = frozenset()


@contextlib.contextmanager
def flaky_statements(storage: RDBStorage, seed: int, share: float = SHARE) -> Iterator[None]:
    """Let statements of a database fail at random, below everything that Optuna does about it."""
    chance = random.Random(seed)

    def fail(conn, cursor, statement, parameters, *_: object) -> None:
        if chance.random() < share:
            raise OperationalError(statement, parameters, Exception("the connection is lost"))

    event.listen(storage.engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(storage.engine, "before_cursor_execute", fail)


def run_until_done(study: optuna.Study, objective: Any, n_runs: int, **options: Any) -> list[str]:
    """Start a worker again each time that it ends in an exception; return what each one saw."""
    seen = []
    for _ in range(n_runs):
        try:
            study.optimize(objective, **options)
        except Exception as error:  # noqa: BLE001, PERF203 (each one is a finding)
            seen.append(_name_of(error))
        else:
            break
    return seen


def _name_of(error: BaseException) -> str:
    """Name an exception and where it came from, and what it was raised in the handling of."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    name = f"{type(error).__name__} in {where.name}"
    cause = error.__cause__ or error.__context__
    return name if cause is None else f"{name} < {type(cause).__name__}"
