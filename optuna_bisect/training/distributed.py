"""Several processes that train one model: the first decides, the others follow."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch.distributed

if TYPE_CHECKING:
    from optuna_bisect.feedback.state import Losses


def share(losses: Losses) -> Losses:
    """Give every rank the losses of rank 0.

    The engine is a pure function of the losses, so that equal losses make equal moves. One
    broadcast at the end of each interval; alone, nothing happens.

    Args:
        losses: What this rank saw.

    Returns:
        What rank 0 saw.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return losses
    if torch.distributed.get_world_size() == 1:
        return losses
    box = [dataclasses.asdict(losses)]
    torch.distributed.broadcast_object_list(box, src=0)
    return type(losses)(**box[0])
