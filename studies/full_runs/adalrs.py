"""AdaLRS, re-implemented: a search for the rate within one run, from the slope of its loss.

The authors' code is not public. This follows the paper's description (Dong et al., "AdaLRS:
Loss-Guided Adaptive Learning Rate Search", arXiv 2506.13274): between 10 and 40 % of the run, a
window in which the descent has slowed down is followed by one at a higher rate. Where the loss
falls faster there by twice the error of the slopes, the higher rate stays; else the weights of
before come back, and the rate is lowered where the loss fell more slowly by as much. A cosine runs
below all this. The length of a window and the error (a standard error) are our choice.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from studies.full_runs.schedules import cosine_factor
from studies.full_runs.training import Driver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from studies.full_runs.tasks import Task

# One of three settings that the paper reports as equally good.
UP, DOWN, SHRINK = 2.0, 1.67, 0.99
BEGIN, END = 0.1, 0.4
N_WINDOWS = 50


class Window(NamedTuple):
    """What the losses of a window say: mean, speed of the descent, standard error of the speed."""

    mean: float
    speed: float
    error: float


def measure(losses: Sequence[float]) -> Window:
    """Fit a line by least squares."""
    steps = np.arange(len(losses)) - (len(losses) - 1) / 2
    spread = float(steps @ steps)
    mean = float(np.mean(losses))
    slope = float(steps @ np.asarray(losses)) / spread
    rest = np.asarray(losses) - mean - slope * steps
    error = math.sqrt(float(rest @ rest) / max(1, len(losses) - 2) / spread)
    return Window(mean, -slope, error)


class AdaLrs(Driver):
    """The rate is that of a cosine with a peak that the search moves."""

    def __init__(self, task: Task, model: nn.Module, lr: float) -> None:
        super().__init__(task.make_optimizer(model, lr))
        self.peak = lr
        self._task, self._model = task, model
        self._n_steps, self._n_moves, self._highest = 0, 0, -math.inf
        self._losses: list[float] = []
        self._windows: list[Window] = []
        self._saved: tuple[dict, dict, float] | None = None
        self._set_rate()

    def step(self, loss: float) -> None:
        """Judge the rate at the end of a window; a higher one also at a loss never seen before."""
        self._n_steps += 1
        self._losses.append(loss)
        is_broken = self._saved is not None and not loss <= self._highest
        self._highest = self._highest if is_broken else max(self._highest, loss)
        if is_broken or len(self._losses) >= max(3, self._task.n_steps // N_WINDOWS):
            window = Window(math.inf, -math.inf, 0.0) if is_broken else measure(self._losses)
            self._losses = []
            self._judge(window)
        self._set_rate()

    def _judge(self, window: Window) -> None:
        share = self._n_steps / self._task.n_steps
        if self._saved is not None:
            self._settle(window, *self._saved)
        else:
            self._windows.append(window)
            if BEGIN <= share <= END and len(self._windows) > 2:
                self._propose()

    def _propose(self) -> None:
        """Lower the rate where the loss has risen twice; try a higher one where it slows down."""
        first, second, third = self._windows[-3:]
        if first.mean < second.mean < third.mean:
            self._move(1 / DOWN)
        elif third.speed < second.speed:
            states = copy.deepcopy((self._model.state_dict(), self.optimizer.state_dict()))
            self._saved = (*states, self.peak)
            self._move(UP)

    def _settle(self, window: Window, weights: dict, optimizer: dict, peak: float) -> None:
        """Keep the higher rate, or go back; a clearly slower descent lowers the former rate."""
        before, self._saved = self._windows[-1], None
        margin = 2 * max(before.error, window.error)
        if window.speed > before.speed + margin:
            self._windows.append(window)
            return
        self._model.load_state_dict(weights)
        self.optimizer.load_state_dict(optimizer)
        self.peak = peak
        if window.speed < before.speed - margin:
            self._move(1 / DOWN)

    def _move(self, factor: float) -> None:
        shrunk = max(1.0, SHRINK**self._n_moves * max(factor, 1 / factor))
        self.peak *= shrunk if factor > 1 else 1 / shrunk
        self._n_moves += 1

    def _set_rate(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.peak * cosine_factor(self._task, self._n_steps)
