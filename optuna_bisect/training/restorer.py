"""What to do with the weights after each decision: keep them, or put earlier ones back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna_bisect.feedback.engine import is_healthy
from optuna_bisect.training.param_groups import keep_rates

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from optuna_bisect.feedback.state import Settings, State
    from optuna_bisect.training.snapshot import Snapshot

_N_PROVEN = 6
"""Snapshots after which the last good one is trusted even if the run collapses twice."""


def follow(snapshot: Snapshot, optimizer: Optimizer, state: State, settings: Settings) -> bool:
    """Act on the weights as the state says.

    Args:
        snapshot: The copies.
        optimizer: Keeps its rates, whatever is put back.
        state: The state after an interval.
        settings: How often a copy is due.

    Returns:
        Whether weights were put back.
    """
    race = state.race
    if race is not None and race.keeps:
        snapshot.keep()
    if race is not None and race.returns != "nothing":
        is_first = race.returns == "first"
        return keep_rates(optimizer, snapshot.rewind if is_first else snapshot.restore)
    if any(event.signal == "stall" for event in state.events):
        return keep_rates(optimizer, snapshot.step_back)
    if any(event.signal == "collapse" for event in state.events):
        # Dead units can look healthy for a while; they collapse again and again.
        is_doubtful = state.n_collapses > 1 and snapshot.n_offers < _N_PROVEN
        return keep_rates(optimizer, snapshot.restart if is_doubtful else snapshot.restore)
    if state.n_intervals % settings.window == 0 and is_healthy(state):
        snapshot.offer()
    return False
