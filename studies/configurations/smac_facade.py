"""SMAC3's multi-fidelity facade, Hyperband with a random forest, after ``pip install smac``.

Its runs begin anew at each length, as its target functions do, with a cosine of that length.
"""

from __future__ import annotations

import logging
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studies.configurations.tasks import (
    BATCH_SIZES,
    DECAYS,
    DROPOUTS,
    HIGH,
    LOW,
    OPTIMIZERS,
    Config,
    Found,
)
from studies.configurations.training import cosine, train

if TYPE_CHECKING:
    from studies.configurations.tasks import Task

# Lengths from 1/27 of a full run on: a third of the length each time.
N_RUNGS = 3
# Diverged runs cost this much; the forest takes no infinite number.
_WORST = 1e3


def run_smac(task: Task, seed: int, budget: int) -> Found:
    """Spend a budget of full runs; recommend what was best at the greatest length reached."""
    from smac.runhistory import TrialValue  # noqa: PLC0415 (only this method needs SMAC)

    with tempfile.TemporaryDirectory() as folder:
        facade = _facade(task, seed, folder)
        n_paid, seen = 0, []
        while n_paid < budget * task.n_steps:
            asked = facade.ask()
            config, lr = _config_of(asked.config)
            n_steps = min(round(asked.budget), budget * task.n_steps - n_paid)
            *_, (_, loss) = train(task, config, lr, seed, n_steps, shape=cosine)
            cost = min(loss, _WORST) if math.isfinite(loss) else _WORST
            facade.tell(asked, TrialValue(cost=cost))
            n_paid += n_steps
            seen.append((-n_steps, cost, len(seen), config, lr))
    _, _, _, config, lr = min(seen)
    return Found(config, lr, n_paid)


def _facade(task: Task, seed: int, folder: str) -> Any:
    from ConfigSpace import Categorical, ConfigurationSpace, Float  # noqa: PLC0415 (comes with SMAC)
    from smac import MultiFidelityFacade, Scenario  # noqa: PLC0415 (only this method needs SMAC)

    space = ConfigurationSpace(seed=seed)
    space.add(
        Categorical("optimizer", OPTIMIZERS),
        Float("weight_decay", DECAYS, log=True),
        Float("dropout", DROPOUTS),
        Categorical("batch_size", BATCH_SIZES),
        Categorical("width", task.widths),
        Float("lr", (LOW, HIGH), log=True),
    )
    scenario = Scenario(
        space,
        deterministic=True,
        min_budget=task.n_steps / 3**N_RUNGS,
        max_budget=task.n_steps,
        n_trials=1_000_000,
        seed=seed,
        output_directory=Path(folder),
    )
    return MultiFidelityFacade(scenario, _unused, logging_level=logging.ERROR, overwrite=True)


def _unused(config: object, seed: int = 0, budget: float = 0.0) -> float:
    """Stand in for the target function: runs are asked for and told."""
    raise NotImplementedError


def _config_of(asked: Any) -> tuple[Config, float]:
    """Return plain values: SMAC hands out those of NumPy."""
    config = Config(
        str(asked["optimizer"]),
        float(asked["weight_decay"]),
        float(asked["dropout"]),
        int(asked["batch_size"]),
        int(asked["width"]),
    )
    return config, float(asked["lr"])
