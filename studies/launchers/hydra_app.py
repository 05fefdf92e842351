"""A Hydra application whose sweeper searches the rate: ``python hydra_app.py --multirun``.

A job of Hydra gets overrides and no trial. So ``custom_search_space`` hands it the plan of its
trial: how many steps to run, and with which seed.
"""

import math

import hydra
import optuna
from linear_fit import fit
from omegaconf import DictConfig

from optuna_bisect import trial_plan


def hand_plan(config: DictConfig, trial: optuna.Trial) -> None:
    """Make length and seed of the trial overrides of its job."""
    plan = trial_plan(trial)
    # The sweeper runs all its n_trials: those after the final one have nothing to do.
    n_steps = 0 if plan.role == "surplus" else plan.n_steps or config.n_steps
    trial.suggest_int("n_steps", n_steps, n_steps)
    trial.suggest_int("seed", plan.seed, plan.seed)


@hydra.main(version_base=None, config_path=".", config_name="hydra_app")
def main(config: DictConfig) -> float:
    """Train for as many steps as this job is given."""
    return fit(config.lr, config.n_steps, config.seed) if config.n_steps else math.inf


if __name__ == "__main__":
    main()
