"""What a study says in the terminal while it runs: a line per trial, and how far it has come."""

from __future__ import annotations

import logging
import shutil
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from optuna.storages import InMemoryStorage
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from optuna_bisect._logger import logger
from optuna_bisect.decisions.roles import MAX_FAILED_FINALS
from optuna_bisect.figures.progress import read_progress
from optuna_bisect.figures.rows import row_of
from optuna_bisect.figures.summary import summarize
from optuna_bisect.figures.words import format_progress, format_trial
from optuna_bisect.study.reading import read_history
from optuna_bisect.trials import attributes, internals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.figures.progress import Progress

# Seconds between two readings of the study, at least.
_BAR_GAP, _LOG_GAP = 0.5, 2.0
# Share of a processor that reading may take from the training, and of the time of a slow storage.
_READING_SHARE, _WAITING_SHARE = 0.02, 0.2
# A log file gets another line when a trial begins, or after this share of the budget.
_LOG_SHARE = 0.05
# What a shell reports for a program that was ended by Ctrl-C.
_EXIT_CODE = 130


def print_verdict(study: Study, trial: FrozenTrial) -> None:
    """Print in one line how a trial ended: its rate, verdict, reason and bracket.

    A callback for any objective and any sampler: ``study.optimize(objective,
    callbacks=[print_verdict])``. Trials without a learning rate are passed over.

    Args:
        study: The study.
        trial: The trial that has ended.
    """
    history = read_history(study)
    row = row_of(trial, attributes.read(trial), history.view)
    if row is not None:
        # Above the bar, where there is one.
        tqdm.write(format_trial(row, is_several=history.n_configurations > 1))


@contextmanager
def show_progress(study: Study) -> Iterator[None]:
    """Show how far a study has come while it runs, in the terminal or in a log file.

    ``optimize`` is called inside: ``with show_progress(study): study.optimize(objective)``. A
    terminal gets one line that is rewritten: phase, trial, bracket, share of the budget and time
    that is left. A log file gets a new line now and then. Storage is read for it in a thread of
    its own, so the objective needs to know nothing of it, and other workers are seen as well.

    Ctrl-C inside ends the program with exit code 130, and one sentence that says what is kept
    instead of a traceback.

    Args:
        study: The study.

    Yields:
        Nothing.

    Raises:
        SystemExit: On Ctrl-C.
    """
    loggers = [log for log in (logging.getLogger("optuna"), logging.root) if _writes_here(log)]
    reader = _Reader(study)
    try:
        with logging_redirect_tqdm(loggers):
            for log in loggers:
                log.handlers[-1].addFilter(_is_no_interrupt)
            reader.start()
            try:
                yield
            finally:
                reader.end()
    except KeyboardInterrupt:
        print(f"\n{_describe_interrupt(study)}", file=sys.stderr)
        raise SystemExit(_EXIT_CODE) from None


class _Reader(threading.Thread):
    """Reads a study now and then, and shows how far it has come."""

    def __init__(self, study: Study) -> None:
        super().__init__(name="optuna_bisect progress", daemon=True)
        self._study = study
        self._is_over = threading.Event()
        is_terminal = sys.stderr.isatty()
        self._gap = _BAR_GAP if is_terminal else _LOG_GAP
        self._view: _Bar | _Lines = _Bar() if is_terminal else _Lines()

    def run(self) -> None:
        """Read and show until the end; what cannot be read must not stop the training."""
        gap = self._gap
        try:
            # Where a storage sets itself up, the first reading takes many times as long as others.
            self._view.show(read_progress(self._study))
            while not self._is_over.wait(gap):
                worked, begin = time.thread_time(), time.monotonic()
                self._view.show(read_progress(self._study))
                worked, took = time.thread_time() - worked, time.monotonic() - begin
                gap = max(self._gap, worked / _READING_SHARE, took / _WAITING_SHARE)
        except Exception as error:  # noqa: BLE001 (any storage may raise anything)
            logger.warning(f"Progress is not shown any more: {error}")
        finally:
            internals.storage_of(self._study).remove_session()

    def end(self) -> None:
        """Stop, and take the bar away."""
        self._is_over.set()
        self.join()
        self._view.close()


class _Bar:
    """One line of a terminal, rewritten."""

    def __init__(self) -> None:
        # tqdm shows nothing where a terminal does not tell its size; here that counts as 80 x 24.
        size = shutil.get_terminal_size()
        self._bar = tqdm(bar_format="{desc}", leave=False, ncols=size.columns, nrows=size.lines)

    def show(self, progress: Progress) -> None:
        """Rewrite the line, in the width that the terminal has by now."""
        # A line that fills the last column would be broken.
        self._bar.ncols = width = shutil.get_terminal_size().columns - 1
        self._bar.set_description_str(format_progress(progress, width))

    def close(self) -> None:
        """Take the line away."""
        self._bar.close()


class _Lines:
    """Lines of a log file: one when another trial runs, and one for each step of the share."""

    def __init__(self) -> None:
        self._shown: tuple[object, ...] | None = None

    def show(self, progress: Progress) -> None:
        """Print a line if enough has changed."""
        part = int((progress.share or 0.0) / _LOG_SHARE)
        key = (progress.phase, part, *(row.number for row in progress.running))
        if key != self._shown:
            self._shown = key
            print(format_progress(progress), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Do nothing: lines stay."""


def _writes_here(log: logging.Logger) -> bool:
    """Tell whether a logger writes into the terminal, where its lines would break the bar's."""
    streams = [h.stream for h in log.handlers if isinstance(h, logging.StreamHandler)]
    return any(stream in (sys.stdout, sys.stderr) for stream in streams)


def _is_no_interrupt(record: logging.LogRecord) -> bool:
    """Leave out Optuna's traceback of a trial that Ctrl-C has ended."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not issubclass(kind, KeyboardInterrupt)


def _describe_interrupt(study: Study) -> str:
    """Say in one sentence what Ctrl-C has ended, and what the next run does."""
    summary = summarize(study)
    row = summary.rows[-1] if summary.rows else None
    is_final = row is not None and row.is_final and row.outcome != "complete"
    kind = "final trial" if is_final else "trial"
    ended = f"interrupted in {kind} {row.number}" if row else "interrupted before the first trial"
    if isinstance(internals.storage_of(study), InMemoryStorage):
        return f"{ended}: the study was kept in memory alone, so the next run begins anew"
    if row is None or not is_final:
        return f"{ended}: the study is stored, and the next run goes on from here"
    if sum(r.is_final and r.outcome == "failed" for r in summary.rows) >= MAX_FAILED_FINALS:
        return f"{ended}: after {MAX_FAILED_FINALS} final trials that broke off the study is over"
    return (
        f"{ended} after {row.n_steps} steps: the search is stored; the next run begins the final "
        "trial again, at step 0 unless the objective has its own checkpoint"
    )
