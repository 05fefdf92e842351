"""Several processes that train one model: the first decides, the others follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.distributed as dist

if TYPE_CHECKING:
    from optuna_bisect.feedback.state import Losses


def share(losses: Losses) -> Losses:
    """Return the losses that rank 0 saw, on every rank; alone, nothing happens.

    The engine is a pure function of the losses, so that equal losses make equal moves. One
    broadcast at the end of each interval.
    """
    box = [losses]
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        dist.broadcast_object_list(box, src=0)
    return box[0]
