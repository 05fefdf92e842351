"""Small networks for small images and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    import torch


def mlp(
    n_in: int,
    n_out: int,
    *,
    width: int = 32,
    depth: int = 2,
    activation: type[nn.Module] = nn.ReLU,
) -> nn.Module:
    """Build a fully connected network with hidden layers of one width."""
    layers: list[nn.Module] = [nn.Flatten()]
    for i in range(depth):
        layers += [nn.Linear(width if i else n_in, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, n_out))


def cnn(side: int, width: int = 8) -> nn.Module:
    """Build a network of two convolutions, each of which halves the image."""
    last = (side + 3) // 4
    return nn.Sequential(
        nn.Conv2d(1, width, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2 * width * last * last, 10),
    )


class Block(nn.Module):
    """A residual block with batch norm before each of its two convolutions."""

    def __init__(self, width: int, *, has_running_means: bool) -> None:
        super().__init__()
        parts = [
            layer
            for _ in range(2)
            for layer in (
                nn.BatchNorm2d(width, track_running_stats=has_running_means),
                nn.ReLU(),
                nn.Conv2d(width, width, 3, padding=1),
            )
        ]
        self.body = nn.Sequential(*parts)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Add what the two convolutions make of the images."""
        out: torch.Tensor = images + self.body(images)
        return out


def residual(
    side: int, width: int = 8, n_blocks: int = 1, *, has_running_means: bool = True
) -> nn.Module:
    """Build a residual network: a stem that shrinks the image, blocks, a linear layer.

    Args:
        side: Width and height of the images.
        width: Number of channels.
        n_blocks: Number of residual blocks.
        has_running_means: Whether batch norm keeps means for evaluation; many copies of a network
            that train at once (``torch.func.vmap``) cannot.
    """
    stride = side // 4
    return nn.Sequential(
        nn.Conv2d(1, width, 3, stride=stride, padding=1),
        *(Block(width, has_running_means=has_running_means) for _ in range(n_blocks)),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(width * ((side - 1) // stride + 1) ** 2, 10),
    )
