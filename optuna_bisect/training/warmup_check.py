"""A probe that ends while the learning rate still rises says nothing about the rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optuna_bisect._logger import warn_once
from optuna_bisect.training.param_groups import first_rate

if TYPE_CHECKING:
    from torch.optim import Optimizer

# A warm-up that goes on after this share of a probe is too long for it.
_SHARE = 1 / 3


class WarmupCheck:
    """Warns where the user's own schedule still raises the rate late in a probe.

    Reads the rate twice a probe: a rate that is a tensor would make each reading wait for the
    device.

    Args:
        probe_steps: Length of a probe, None if unknown: then nothing is checked.
    """

    def __init__(self, probe_steps: int | None) -> None:
        self._end = math.inf if probe_steps is None else probe_steps
        self._early: float | None = None

    def see(self, n_steps: int, optimizer: Optimizer) -> None:
        """Look at the rate after a number of steps."""
        if self._early is None and n_steps >= _SHARE * self._end:
            self._early = first_rate(optimizer)
        elif self._early is not None and n_steps >= self._end:
            if first_rate(optimizer) > self._early * (1 + 1e-6):
                _warn(int(self._end))
            self._end = math.inf


def _warn(probe_steps: int) -> None:
    """Warn once a process: all probes of a study have one schedule."""
    warn_once(
        f"The learning rate still rises in the last two thirds of a probe of {probe_steps} steps. "
        "A probe that is hardly longer than the warm-up says little about the rate after it: set "
        "probe_steps to several times the steps of the warm-up, or give BisectionLR its "
        "warmup_steps=, which warms up the final trial alone.",
        "warm-up",
        probe_steps,
    )
