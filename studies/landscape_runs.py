"""What ``landscape.py`` runs on surfaces: a bowl, a plane through a network, and their edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, jacrev, vmap
from torch.nn.functional import cross_entropy, mse_loss

from optuna_bisect.curvature import sharpness
from studies.house_prices_runs import PRICES, SIZES
from studies.shared.data import digits
from studies.shared.networks import mlp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Loss = Callable[[torch.Tensor], torch.Tensor]

# Rates of the paths as shares of the edge, and how fast the third one decays.
SMALL, LARGE, LARGE_IN_PLANE = 0.06, 0.96, 0.5
DECAY = 0.15
N_EXAMPLES = 500
N_POINTS, N_STEPS, N_STEPS_IN_PLANE = 81, 30, 12


class Descent(NamedTuple):
    """Gradient descent on two numbers: where it was, shape (steps + 1, 2), and its losses."""

    points: np.ndarray
    losses: np.ndarray


class Surface(NamedTuple):
    """A loss over two numbers, and descent on it.

    Attributes:
        x: First number of each column of the grid.
        y: Second number of each row.
        heights: Loss at each point of the grid, shape (rows, columns).
        edge: 2 / sharpness at the lowest point.
        paths: By name.
    """

    x: np.ndarray
    y: np.ndarray
    heights: np.ndarray
    edge: float
    paths: dict[str, Descent]


def descend(
    loss: Loss, start: Sequence[float], rate_at: Callable[[int], float], n_steps: int
) -> Descent:
    """Descend from a point, at a rate for each step."""
    point = torch.tensor(start, requires_grad=True)
    points, losses = [point.detach().clone()], [loss(point).item()]
    for step in range(n_steps):
        (gradient,) = torch.autograd.grad(loss(point), point)
        with torch.no_grad():
            point -= rate_at(step) * gradient
        points.append(point.detach().clone())
        losses.append(loss(point).item())
    return Descent(torch.stack(points).numpy(), np.array(losses))


def survey(
    loss: Loss,
    low: Sequence[float],
    start: Sequence[float],
    reach: Sequence[float],
    *,
    large: float,
    n_steps: int,
) -> Surface:
    """Compute a loss around its lowest point, and descend there at small and large rates."""
    x, y = (torch.linspace(centre - r, centre + r, N_POINTS) for centre, r in zip(low, reach))
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).reshape(-1, 2)
    heights = vmap(loss, chunk_size=200)(grid).reshape(N_POINTS, N_POINTS)
    edge = edge_at(loss, low)

    rates = {
        "small": lambda _: SMALL * edge,
        "large": lambda _: large * edge,
        "large, decaying": lambda step: large * edge / (1 + DECAY * step),
    }
    paths = {name: descend(loss, start, rate_at, n_steps) for name, rate_at in rates.items()}
    return Surface(x.numpy(), y.numpy(), heights.numpy(), edge, paths)


def edge_at(loss: Loss, point: Sequence[float]) -> float:
    """Return 2 / sharpness from the whole Hessian of a loss over two numbers."""
    return 2 / float(torch.linalg.eigvalsh(jacrev(jacrev(loss))(torch.tensor(point)))[-1])


def house_loss(point: torch.Tensor) -> torch.Tensor:
    """Return the squared error of slope and price at 2000 square feet, for the five houses."""
    return mse_loss((SIZES - 2) * point[0] + point[1], PRICES)


def bowl() -> Surface:
    """Survey the bowl of the five houses, which is a real quadratic."""
    return survey(
        house_loss, [200.0, 400.0], [-150.0, 300.0], [380.0, 330.0], large=LARGE, n_steps=N_STEPS
    )


class Minimum:
    """A small network at a minimum of its loss on 500 digits; labels are smoothed.

    Without smoothing the loss has no minimum at finite weights.
    """

    def __init__(self, n_steps: int = 500) -> None:
        data = digits()
        self._inputs, self._targets = data.inputs[:N_EXAMPLES], data.targets[:N_EXAMPLES]
        torch.manual_seed(0)
        self._model = mlp(64, 10, depth=1, activation=nn.Tanh)
        self._start = self._weights()
        self.untrained_edge = self._edge()
        weights = list(self._model.parameters())
        optimizer = torch.optim.LBFGS(
            weights, 1.0, n_steps, tolerance_grad=0, history_size=50, line_search_fn="strong_wolfe"
        )

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = self._loss()
            loss.backward()  # type: ignore[no-untyped-call]  # torch
            return loss

        optimizer.step(closure)  # type: ignore[no-untyped-call]  # torch
        self._lowest = self._weights()
        self.edge = self._edge()

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: w.detach().clone() for name, w in self._model.named_parameters()}

    def _loss(self) -> torch.Tensor:
        return smoothed(self._model(self._inputs), self._targets)

    def _edge(self) -> float:
        return 2 / sharpness(self._model, smoothed, (self._inputs, self._targets))

    def _descend(self, start: dict[str, torch.Tensor], lr: float, n_steps: int) -> Iterator[float]:
        self._model.load_state_dict(start)
        optimizer = torch.optim.SGD(self._model.parameters(), lr)
        for _ in range(n_steps):
            optimizer.zero_grad()
            loss = self._loss()
            loss.backward()  # type: ignore[no-untyped-call]  # torch
            optimizer.step()
            yield loss.item()

    def escape(self, share: float, n_steps: int) -> float:
        """Descend from beside the minimum; return how far the loss rises, as ``rise`` does."""
        noise = torch.Generator().manual_seed(1)
        start = {
            name: w + 0.01 * torch.randn(w.shape, generator=noise)
            for name, w in self._lowest.items()
        }
        losses = list(self._descend(start, share * self.edge, n_steps))
        self._model.load_state_dict(self._lowest)
        return rise(losses, self._loss().item())

    def train(self, share: float, n_steps: int) -> float:
        """Train from the untrained weights at a share of their edge; return the last loss."""
        *_, last = self._descend(self._start, share * self.untrained_edge, n_steps)
        return last

    def plane(self) -> Surface:
        """Survey two random directions through the minimum, as Li et al. (2018) scale them."""
        first, second = self._direction(1), self._direction(2)

        def loss(point: torch.Tensor) -> torch.Tensor:
            weights = {
                name: w + point[0] * first[name] + point[1] * second[name]
                for name, w in self._lowest.items()
            }
            outputs = functional_call(self._model, weights, (self._inputs,))
            return smoothed(outputs, self._targets)

        return survey(
            loss,
            [0.0, 0.0],
            [-0.8, 0.7],
            [1.1, 1.1],
            large=LARGE_IN_PLANE,
            n_steps=N_STEPS_IN_PLANE,
        )

    def _direction(self, seed: int) -> dict[str, torch.Tensor]:
        """Draw a direction: each unit's weights as long as the network's, biases left alone."""
        noise = torch.Generator().manual_seed(seed)
        found = {}
        for name, w in self._lowest.items():
            drawn = torch.randn(w.shape, generator=noise)
            lengths = w.norm(dim=-1, keepdim=True) / drawn.norm(dim=-1, keepdim=True)
            found[name] = drawn * lengths if w.dim() > 1 else torch.zeros_like(w)
        return found


def smoothed(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy with a tenth of the label spread over all classes."""
    return cross_entropy(outputs, targets, label_smoothing=0.1)


def escape_bowl(share: float, n_steps: int) -> float:
    """Descend in the bowl of the five houses; return how far the loss rises."""
    lr = share * edge_at(house_loss, [200.0, 400.0])
    return rise(descend(house_loss, [190.0, 410.0], lambda _: lr, n_steps).losses, 0.0)


def rise(losses: Sequence[float] | np.ndarray, lowest: float) -> float:
    """Return the highest loss above the lowest one, in units of the first: 1 is no rise."""
    above = np.nan_to_num(np.array(losses) - lowest, nan=np.inf)
    return float(above.max() / above[0])
