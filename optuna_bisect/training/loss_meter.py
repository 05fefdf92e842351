"""The running mean of the losses in one interval, kept on their device.

Summed is what each loss has above the first one: so the mean of a loss that stays the same is that
loss, while the rounding of a plain sum looks like a fall or a rise that has no noise at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from optuna_bisect.feedback.state import Losses

_WIDE = (torch.float32, torch.float64)


@dataclass
class LossMeter:
    """Sum losses without waiting for the device; read them once at the end of the interval.

    Attributes:
        excess: Sum of the training losses, each less the first one.
        first: The first training loss.
        val: The last validation loss, None without one.
        n_calls: Number of training losses.
    """

    excess: float | torch.Tensor = 0.0
    first: float | torch.Tensor = 0.0
    val: float | torch.Tensor | None = None
    n_calls: int = 0

    def add(
        self, train_loss: float | torch.Tensor, val_loss: float | torch.Tensor | None = None
    ) -> None:
        """Take in the losses of one call.

        Args:
            train_loss: One number.
            val_loss: One number or None; the last one of the interval counts.

        Raises:
            ValueError: If a tensor holds more than one number.
        """
        loss = detach(train_loss)
        # A captured graph fills the very same tensor again; a copy does not wait for the device.
        self.val = self.val if val_loss is None else detach(val_loss) + 0.0
        self.first = self.first if self.n_calls else loss + 0.0
        self.excess = self.excess + (loss - self.first)
        self.n_calls += 1

    def read(self, step: int) -> Losses:
        """Wait for the device and return what the interval that ends at a step showed."""
        first = float(self.first)
        return Losses(
            step=step,
            train=first + float(self.excess) / self.n_calls,
            val=None if self.val is None else float(self.val),
            first=first,
            n_calls=self.n_calls,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the fields as plain numbers; a single-precision sum survives exactly."""
        return {k: float(v) if isinstance(v, torch.Tensor) else v for k, v in vars(self).items()}


def detach(loss: float | torch.Tensor) -> float | torch.Tensor:
    """Cut a loss from its graph, in at least single precision for the sum."""
    if not isinstance(loss, torch.Tensor):
        return float(loss)
    if loss.numel() != 1:
        raise ValueError(f"a loss must be one number but got a tensor of shape {loss.shape}.")
    loss = loss.detach().reshape(())
    return loss if loss.dtype in _WIDE else loss.float()
