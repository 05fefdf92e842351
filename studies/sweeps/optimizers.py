"""Optimizers that train many models at once; each is torch's, in a few lines."""

from __future__ import annotations

import torch


class Rule:
    """An optimizer for many models; a row of the weights and of each moment is one model."""

    def __init__(self) -> None:
        self._step = 0
        self._moments: dict[str, torch.Tensor] = {}

    def direction(self, gradient: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return what, times the learning rate, is taken from the weights; here the gradient."""
        del weights
        return gradient

    def keep(self, alive: torch.Tensor) -> None:
        """Leave out the models that are not ``alive``."""
        self._moments = {name: moment[alive] for name, moment in self._moments.items()}

    def _moment(self, name: str, like: torch.Tensor) -> torch.Tensor:
        if name not in self._moments:
            self._moments[name] = torch.zeros_like(like)
        return self._moments[name]


class Momentum(Rule):
    """Momentum 0.9."""

    def direction(self, gradient: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return the decayed sum of the gradients."""
        return self._moment("sum", weights).mul_(0.9).add_(gradient)


class Adam(Rule):
    """Adam with betas 0.9 and 0.999."""

    def direction(self, gradient: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return the corrected mean over the corrected root mean square."""
        self._step += 1
        mean = self._moment("mean", weights).lerp_(gradient, 0.1)
        square = self._moment("square", weights).mul_(0.999)
        square.addcmul_(gradient, gradient, value=0.001)
        root = (square / (1 - 0.999**self._step)).sqrt_().add_(1e-8)
        return mean / (1 - 0.9**self._step) / root


class AdamW(Adam):
    """Adam with decoupled weight decay 0.01."""

    def direction(self, gradient: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Add a share of the weights to what Adam says."""
        return super().direction(gradient, weights).add_(weights, alpha=0.01)


class RMSprop(Rule):
    """RMSprop with alpha 0.99."""

    def direction(self, gradient: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return the gradient over its root mean square."""
        square = self._moment("square", weights).mul_(0.99)
        square.addcmul_(gradient, gradient, value=0.01)
        return gradient / square.sqrt().add_(1e-8)


class Adagrad(Rule):
    """Adagrad."""

    def direction(self, gradient: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return the gradient over the root of the sum of its squares."""
        square = self._moment("square", weights).addcmul_(gradient, gradient)
        return gradient / square.sqrt().add_(1e-10)


RULES: dict[str, type[Rule]] = {
    "sgd": Rule,
    "momentum": Momentum,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
}
