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


logger = logging.getLogger("optuna_bisect")
logger.setLevel(logging.INFO)
logger.addFilter(_is_wanted)
logger.addHandler(_OptunasHandlers())
