"""Sharpness: the curvature of a loss, which bounds the rates that gradient descent can stand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

try:
    import torch
    from torch.func import functional_call, grad, vjp
except ImportError as error:
    raise ImportError(
        "optuna_bisect.curvature needs torch; install it with: pip install optuna_bisect[torch]"
    ) from error

from optuna_bisect._logger import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

__all__ = ["sharpness"]

# The search ends where the estimate's error is surely below this share of it.
_RTOL = 1e-3
# What rounding leaves of a vector that should be zero, as a share of the widest eigenvalue.
_NOISE = 1e-5
_MAX_PRODUCTS = 100
# Where torch keeps the squares that an optimizer divides by.
_SQUARES = ("max_exp_avg_sq", "exp_avg_sq", "square_avg", "sum")


def sharpness(
    model: torch.nn.Module,
    loss_fn: Callable[[Any, Any], Tensor],
    batch: Sequence[Any],
    optimizer: torch.optim.Optimizer | None = None,
) -> float:
    """Measure the largest eigenvalue of a loss's Hessian at the model's present weights.

    In a bowl of sharpness s, gradient descent diverges at every rate above ``2 / s``; with heavy
    momentum b above ``2 * (1 + b) / s``; with Adam, whose optimizer has to be given, above
    ``2 * (1 + beta1) / (1 - beta1) / s``. A network is no bowl: while it trains, its sharpness
    changes. Measuring takes the time of about 20 to 70 training steps on the batch.

    The method is Lanczos' on Hessian-vector products, preconditioned as in Cohen et al. (2022),
    "Adaptive gradient methods at the edge of stability". Model, optimizer and random numbers stay
    as they were.

    Args:
        model: A model, in the mode in which it trains.
        loss_fn: Returns the loss from ``model(*inputs)`` and ``targets``; has two derivatives.
        batch: ``(*inputs, targets)``; the larger, the nearer to the sharpness of all data.
        optimizer: An Adam, AdamW, RMSprop or Adagrad that has made steps: the Hessian is divided
            by what it divides gradients by. None: it is not divided.

    Returns:
        The sharpness; its error is below 0.1 %, or a warning says otherwise. Zero or negative
        where the loss curves upwards in no direction.

    Raises:
        ValueError: On a batch of less than two parts, a model without trainable parameters, an
            optimizer without squares of their gradients, or a curvature that is not finite.

    Example:
        >>> houses = torch.tensor([[1.5], [3.5]]), torch.tensor([[300.0], [700.0]])
        >>> round(sharpness(torch.nn.Linear(1, 1), torch.nn.functional.mse_loss, houses), 2)
        16.25
    """
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        what = f"{len(batch)} part(s)" if isinstance(batch, tuple | list) else type(batch).__name__
        raise ValueError(f"batch must be (*inputs, targets) but got {what}.")
    weights = {name: w for name, w in model.named_parameters() if w.requires_grad}
    if not weights:
        raise ValueError("model must have parameters that require a gradient but got none.")
    scales = {name: _scale(name, w, optimizer) for name, w in weights.items()}
    apply_hessian = _linearize(model, loss_fn, batch, weights)
    sizes = [w.numel() for w in weights.values()]

    def apply(vector: Tensor) -> Tensor:
        parts = zip(weights.items(), torch.split(vector, sizes))
        products = apply_hessian({n: scales[n] * part.view_as(w) for (n, w), part in parts})
        return torch.cat([(scales[n] * products[n]).flatten() for n in weights])

    return _largest_eigenvalue(apply, torch.cat([w.detach().flatten() for w in weights.values()]))


def _scale(name: str, weight: Tensor, optimizer: torch.optim.Optimizer | None) -> Tensor:
    """Return the root of what an optimizer multiplies a parameter's gradient by."""
    if optimizer is None:
        return torch.ones_like(weight)
    state = optimizer.state.get(weight, {})
    square = next((state[key] for key in _SQUARES if key in state), None)
    if square is None:
        kind = type(optimizer).__name__
        raise ValueError(
            f"optimizer must hold squares of the gradients of {name!r}, as Adam does after its "
            f"first step, but got a {kind} without."
        )
    group = next(g for g in optimizer.param_groups if any(p is weight for p in g["params"]))
    if "exp_avg_sq" in state:
        square = square / (1 - group["betas"][1] ** float(state["step"]))
    scale: Tensor = (square.sqrt() + group["eps"]).rsqrt()
    return scale


def _linearize(
    model: torch.nn.Module,
    loss_fn: Callable[[Any, Any], Tensor],
    batch: Sequence[Any],
    weights: dict[str, torch.nn.Parameter],
) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    """Return what multiplies the Hessian of the loss by a vector."""
    *inputs, targets = batch

    def loss_at(weights: dict[str, Tensor]) -> Tensor:
        # Batch norm writes into its buffers.
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        return loss_fn(functional_call(model, {**weights, **buffers}, tuple(inputs)), targets)

    point = {name: w.detach() for name, w in weights.items()}
    devices = {w.device for w in point.values() if w.device.type == "cuda"}
    with torch.random.fork_rng(devices):
        # The forward pass runs once, so that dropout leaves out the same units in all products.
        # A Hessian is symmetric: the product from the left is the one from the right.
        pull_back = vjp(grad(loss_at), point)[1]
    return lambda vector: pull_back(vector)[0]


def _largest_eigenvalue(apply: Callable[[Tensor], Tensor], like: Tensor) -> float:
    """Run Lanczos' method with full reorthogonalisation until its largest Ritz value stands."""
    noise = torch.randn(like.numel(), generator=torch.Generator().manual_seed(0))
    vector = noise.to(like)
    basis, diagonal, beside = [vector / vector.norm()], list[float](), list[float]()
    for _ in range(min(like.numel(), _MAX_PRODUCTS)):
        vector = apply(basis[-1])
        diagonal.append(float(vector @ basis[-1]))
        for known in basis + basis:
            vector = vector - (vector @ known) * known
        beside.append(float(vector.norm()))
        if not math.isfinite(diagonal[-1]) or not math.isfinite(beside[-1]):
            raise ValueError("the loss must have a finite curvature but got one that is not.")
        values, vectors = np.linalg.eigh(_tridiagonal(diagonal, beside[:-1]))
        largest, widest = float(values[-1]), float(abs(values).max())
        # An eigenvalue lies within this distance of the largest Ritz value.
        error = beside[-1] * abs(float(vectors[-1, -1]))
        if error <= max(_RTOL * abs(largest), _NOISE * widest):
            return largest
        basis.append(vector / beside[-1])
    if len(diagonal) < like.numel():
        logger.warning(f"The sharpness is {largest:.4g} with an error of up to {error:.2g}.")
    return largest


def _tridiagonal(diagonal: Sequence[float], beside: Sequence[float]) -> np.ndarray:
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
