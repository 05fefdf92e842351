"""Quiet logs, and storages that other processes can open."""

from __future__ import annotations

import logging
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# A shell that starts tests in the background makes them, and all that they start, deaf to Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Equal code passes or fails equally; `pytest --hypothesis-profile=random` looks for more.
settings.register_profile("random", deadline=None)
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")

MEMORY_DISK = Path("/dev/shm")  # noqa: S108 (a name of our own is made inside)


@pytest.fixture(autouse=True)
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna from printing a line per trial."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


@pytest.fixture
def folder(tmp_path) -> Iterator[Path]:
    """A folder for storages: in memory where possible, as SQLite waits for the disk."""
    if not MEMORY_DISK.is_dir():
        yield tmp_path
        return
    path = Path(tempfile.mkdtemp(prefix="optuna_bisect-", dir=MEMORY_DISK))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(params=["sqlite", "journal"])
def url(request, folder) -> str:
    """A storage for ``worker_process.open_storage``, of both kinds."""
    return f"sqlite:///{folder}/s.db" if request.param == "sqlite" else f"journal:{folder}/s"


@pytest.fixture
def journal(folder) -> str:
    """The storage that has no heartbeat: killed trials stay RUNNING for ever."""
    return f"journal:{folder}/s"


@pytest.fixture
def said(caplog):
    """Return what the package warned of so far, where it has all the words."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    caplog.set_level(logging.WARNING)

    def find(*words: str) -> list[str]:
        found = [r.getMessage() for r in caplog.records if r.name == "optuna_bisect"]
        return [text for text in found if all(word in text for word in words)]

    return find
