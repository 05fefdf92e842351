"""The command line ``optuna-bisect``: look at a study from outside, while it runs or after."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import textwrap
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalRedisBackend
from sqlalchemy.engine import make_url

from optuna_bisect.dashboard import publish
from optuna_bisect.figures.progress import read_progress
from optuna_bisect.figures.summary import summarize
from optuna_bisect.figures.words import (
    describe_configurations,
    format_progress,
    format_table,
    table_of,
    table_of_configurations,
)
from optuna_bisect.page import render_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.storages import BaseStorage
    from optuna.study import Study

_USAGE_ERROR = 2
_NO_WINNER = 1
_INTERRUPTED = 130
_WATCH_SECONDS = 10.0


class _UsageError(Exception):
    """What the user asked for does not exist; the message is one line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: The command line without the program's name; None: that of the process.

    Returns:
        The exit code: 0, 1 where ``winner`` finds none, 2 for an unknown study or storage or a
        missing package, 130 after Ctrl-C.
    """
    options = _parser().parse_args(argv)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        code: int = options.run(_load(options.storage, options.study_name), options)
    except (_UsageError, ImportError) as error:
        print(f"optuna-bisect: {error}", file=sys.stderr)
        return _USAGE_ERROR
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--storage",
        default=os.environ.get("OPTUNA_STORAGE"),
        help="URL of a database, or path of a journal file; default: $OPTUNA_STORAGE",
    )
    common.add_argument("--study-name", help="may be left out where the storage has one study")
    about = "Look at a study of optuna_bisect from outside, while it runs or after."
    parser = argparse.ArgumentParser(prog="optuna-bisect", description=about)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, parents=[common], help=text, description=text)
        command.set_defaults(run=_COMMANDS[name])
        return command

    add("show", "where a study stands, and its trials as a table")
    add("winner", "the winner of the search").add_argument(
        "--json", action="store_true", help="its fields as JSON, null where there is none"
    )
    add("plot", "write all figures into one HTML page").add_argument(
        "--output", type=Path, help="the page; default: the name of the study with .html"
    )
    add("publish", "write note and figures into optuna-dashboard").add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=_WATCH_SECONDS,
        metavar="SECONDS",
        help=f"again whenever the study has changed, every {_WATCH_SECONDS:g} s by default, until "
        "its final trial is complete",
    )
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds above 0 but got {text}")
    return seconds


def _show(study: Study, _: argparse.Namespace) -> int:
    width = shutil.get_terminal_size().columns
    summary, progress = summarize(study), read_progress(study)
    n = summary.n_trials
    print(_wrap(f"study {study.study_name!r}: {n} trial{'s' * (n != 1)}", width))
    is_open = not progress.is_complete and summary.stopped is None
    if is_open and (progress.running or progress.share):
        print(format_progress(progress, width))
    print(_wrap(summary.conclusion, width))
    if told := describe_configurations(summary):
        print(_wrap(told, width))
    elif summary.cost is not None:
        print(f"Probes cost {summary.cost:.3g} of a full run.")
    for lines in (table_of_configurations(summary), table_of(summary.rows)):
        if lines:
            print(f"\n{format_table(lines, width)}")
    return 0


def _winner(study: Study, options: argparse.Namespace) -> int:
    summary = summarize(study)
    if options.json:
        print(json.dumps(summary.winner and asdict(summary.winner)))
    else:
        print(_wrap(summary.conclusion, shutil.get_terminal_size().columns))
    return _NO_WINNER if summary.winner is None else 0


def _plot(study: Study, options: argparse.Namespace) -> int:
    path = options.output or Path(re.sub(r"[^\w.-]+", "-", study.study_name) + ".html")
    try:
        path.write_text(render_page(study), encoding="utf-8")
    except OSError as error:
        raise _UsageError(f"cannot write {path}: {error.strerror}") from error
    print(path.resolve())
    return 0


def _publish(study: Study, options: argparse.Namespace) -> int:
    published = None
    while True:
        state = [(t.state, t.last_step) for t in study.get_trials(deepcopy=False)]
        if state != published:
            publish(study)
            published = state
            print(f"published {len(state)} trials of {study.study_name!r}", flush=True)
        if options.watch is None or read_progress(study).is_complete:
            return 0
        time.sleep(options.watch)


_COMMANDS = {"show": _show, "winner": _winner, "plot": _plot, "publish": _publish}


def _load(url: str | None, name: str | None) -> Study:
    """Open a study without creating anything."""
    if url is None:
        raise _UsageError("say --storage, or set OPTUNA_STORAGE")
    try:
        storage = _open(url)
        names = optuna.get_all_study_names(storage)
    except _UsageError:
        raise
    except Exception as error:  # any storage may raise anything
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        told = f"{type(cause).__name__}: {cause}".splitlines()[0]
        raise _UsageError(f"cannot read the storage: {told}") from error
    found = ", ".join(map(repr, names)) or "none"
    if name is None and len(names) != 1:
        raise _UsageError(f"say --study-name; studies in this storage: {found}")
    if name is not None and name not in names:
        raise _UsageError(f"no study {name!r}; studies in this storage: {found}")
    study = optuna.load_study(study_name=name or names[0], storage=storage)
    if len(study.directions) > 1:
        raise _UsageError(f"study {study.study_name!r} has more than one objective")
    return study


def _open(url: str) -> BaseStorage:
    """Open a storage as the command line of Optuna guesses it, but never make a new file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if url.startswith("redis"):
            return JournalStorage(JournalRedisBackend(url))
        if Path(url).is_file():
            return JournalStorage(JournalFileBackend(url))
        file = make_url(url).database if url.startswith("sqlite") else None
        if file is not None and not Path(file).is_file():
            raise _UsageError(f"no file {file}")
        return RDBStorage(url, skip_table_creation=True)


def _wrap(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_on_hyphens=False)


if __name__ == "__main__":
    sys.exit(main())
