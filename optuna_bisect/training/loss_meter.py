"""The running mean of the losses in one interval, kept on their device."""

from __future__ import annotations

from typing import Any

import torch

from optuna_bisect.feedback.engine import Losses

_WIDE = (torch.float32, torch.float64)


class Meter:
    """Sum losses without waiting for the device; read them once at the end of the interval."""

    def __init__(self) -> None:
        self._total: float | torch.Tensor = 0.0
        self._first: float | torch.Tensor = 0.0
        self._val: float | torch.Tensor | None = None
        self._n_calls = 0

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
        loss = _detach(train_loss)
        self._val = self._val if val_loss is None else _detach(val_loss)
        self._first = self._first if self._n_calls else loss
        self._total = self._total + loss
        self._n_calls += 1

    def read(self, step: int) -> Losses:
        """Wait for the device and return the mean.

        Args:
            step: Steps done at the end of the interval.

        Returns:
            What the interval showed.
        """
        return Losses(
            step=step,
            train=float(self._total) / self._n_calls,
            val=None if self._val is None else float(self._val),
            first=float(self._first),
            n_calls=self._n_calls,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return plain numbers; a single-precision sum survives exactly."""
        val = None if self._val is None else float(self._val)
        total, first = float(self._total), float(self._first)
        return {"total": total, "first": first, "val": val, "n_calls": self._n_calls}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the sums of `state_dict`."""
        self._total, self._first = state_dict["total"], state_dict["first"]
        self._val, self._n_calls = state_dict["val"], state_dict["n_calls"]


def _detach(loss: float | torch.Tensor) -> float | torch.Tensor:
    """Cut a loss from its graph, in at least single precision for the sum."""
    if not isinstance(loss, torch.Tensor):
        return float(loss)
    if loss.numel() != 1:
        raise ValueError(f"a loss must be one number but got a tensor of shape {loss.shape}.")
    loss = loss.detach()
    if loss.ndim:
        loss = loss.reshape(())
    return loss if loss.dtype in _WIDE else loss.float()
