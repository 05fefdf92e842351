"""The ask-and-tell loop of Hydra's Optuna sweeper, for Optuna 5.

The released plugin (hydra-optuna-sweeper 1.3) wants ``optuna<3``. This is a copy of its loop in
our own words: the same calls in the same order, with its keys of the configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.utils import get_method
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import FloatDistribution

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext, TaskFunction


# The keys of ``hydra.sweeper`` that this copy knows; they are the plugin's own.
KEYS = {
    "_target_": "hydra_plugins.optuna_loop.OptunaLoop",
    "sampler": None,
    "direction": "minimize",
    "storage": None,
    "study_name": None,
    "n_trials": 20,
    "n_jobs": 1,
    "custom_search_space": None,
    "params": {},
}
ConfigStore.instance().store(group="hydra/sweeper", name="optuna", node=KEYS)


class OptunaLoop(Sweeper):
    """Asks for a batch of trials, launches them as jobs, and tells their values."""

    def __init__(self, *, sampler: Any, custom_search_space: str | None, **settings: Any) -> None:
        self.sampler = sampler  # Hydra has made it from its ``_target_``
        self.extend = get_method(custom_search_space) if custom_search_space else None
        self.settings = settings

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Make the launcher that the configuration names."""
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            config=config, hydra_context=hydra_context, task_function=task_function
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run all trials and write the best one into the folder of the sweep."""
        asked = [f"{name}={value}" for name, value in self.settings["params"].items()]
        space, fixed = self._read([*asked, *arguments])
        study = optuna.create_study(
            study_name=self.settings["study_name"],
            storage=self.settings["storage"],
            sampler=self.sampler,
            direction=self.settings["direction"],
            load_if_exists=True,
        )
        n_left, n_done = self.settings["n_trials"], 0
        while n_left > 0:
            trials = [study.ask() for _ in range(min(n_left, self.settings["n_jobs"]))]
            overrides = [self._configure(trial, space, fixed) for trial in trials]
            returns = self.launcher.launch(overrides, initial_job_idx=n_done)
            for trial, job in zip(trials, returns, strict=True):
                self._tell(study, trial, job)
            n_left, n_done = n_left - len(trials), n_done + len(trials)
        best = {"best_params": study.best_trial.params, "best_value": study.best_value}
        OmegaConf.save(best, f"{self.config.hydra.sweep.dir}/optimization_results.yaml")

    @staticmethod
    def _read(asked: list[str]) -> tuple[dict[str, FloatDistribution], list[str]]:
        """Split overrides into what is searched, an interval on a log scale, and what is fixed."""
        space, fixed = {}, []
        for override in OverridesParser.create().parse_overrides(asked):
            if override.is_interval_sweep():
                value = override.value()
                interval = FloatDistribution(value.start, value.end, log="log" in value.tags)
                space[override.get_key_element()] = interval
            else:
                fixed.append(override.input_line)
        return space, fixed

    def _configure(
        self, trial: optuna.Trial, space: dict[str, FloatDistribution], fixed: list[str]
    ) -> tuple[str, ...]:
        """Return the overrides of one job: its parameters, and what was fixed."""
        for name, interval in space.items():
            trial.suggest_float(name, interval.low, interval.high, log=interval.log)
        if self.extend is not None:
            self.extend(self.config, trial)
        return (*(f"{name}={value}" for name, value in trial.params.items()), *fixed)

    @staticmethod
    def _tell(study: optuna.Study, trial: optuna.Trial, job: JobReturn) -> None:
        """Tell a trial what its job returned; where that is no number, it has failed."""
        try:
            study.tell(trial, float(job.return_value))
        except Exception:  # noqa: BLE001 (as in the plugin, whatever a job raised)
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
