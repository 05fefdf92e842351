"""Every line of a journal file stays whole."""

from __future__ import annotations

import pickle

import pytest
from many_workers import join_study
from synthetic_trainer import make_objective
from worker_process import open_storage

from optuna_bisect.workers.journal_guard import WholeLineLock, cut_torn_line

LONG = b"x" * 10_000


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b'{"a": 1}\n', b'{"a": 1}\n'),
        (b'{"a": 1}\n{"b', b'{"a": 1}\n'),
        (b'{"a', b""),
        (LONG + b"\n" + LONG, LONG + b"\n"),
        (LONG, b""),
    ],
)
def test_what_comes_after_the_last_line_end_is_cut_off(tmp_path, before, after) -> None:
    path = tmp_path / "journal"
    path.write_bytes(before)
    cut_torn_line(path)
    assert path.read_bytes() == after


def test_a_line_that_another_worker_left_unfinished_does_not_spoil_the_study(folder) -> None:
    url = f"journal:{folder}/s"
    study = join_study(open_storage(url), "s")
    study.optimize(make_objective(every=8), n_trials=1)
    lock = study._storage._backend._lock
    assert isinstance(lock, WholeLineLock)
    with (folder / "s").open("ab") as file:
        file.write(b'{"op_code":8,"worker')
    study.optimize(make_objective(every=8), n_trials=1)
    assert study._storage._backend._lock is lock
    assert len(join_study(open_storage(url), "s").trials) == 2
    # Workers that are sent to other processes take the lock with them.
    assert pickle.loads(pickle.dumps(study)).trials[0].number == 0  # noqa: S301
