"""The package's logger: what it says looks like Optuna's own lines and obeys its verbosity."""

from __future__ import annotations

import logging

import optuna


class _OptunasHandlers(logging.Handler):
    """Hands records to Optuna's handlers, where the user has set up no logging of his own."""

    def emit(self, record: logging.LogRecord) -> None:
        """Let Optuna show the record."""
        if not logging.getLogger().handlers:
            logging.getLogger("optuna").handle(record)


def _is_wanted(record: logging.LogRecord) -> bool:
    """Ask whoever shows the record: the user's own logging, or Optuna's verbosity."""
    root = logging.getLogger()
    level = root.level if root.handlers else optuna.logging.get_verbosity()
    return record.levelno >= level


# What was said already, for people only: no decision depends on it.
_said: set[tuple[object, ...]] = set()


def warn_once(message: str, *about: object) -> None:
    """Warn, unless this process has said the same about the same thing before."""
    if about not in _said:
        _said.add(about)
        logger.warning(message)


logger = logging.getLogger("optuna_bisect")
logger.setLevel(logging.INFO)
logger.addFilter(_is_wanted)
logger.addHandler(_OptunasHandlers())
