"""Ray Tune searches the rate by ``OptunaSearch``: ``python ray_tune.py``.

Ray trains in other processes and has no pruner of Optuna. So the space hands each trial its plan:
how long to run, and with which seed. Steps are what Ray counts: reports.
"""

from typing import Any

import optuna
import ray
from linear_fit import FULL_STEPS, fit
from ray import tune
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from optuna_bisect import BisectionSampler, trial_plan

STEPS_PER_REPORT = 4


def space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest the rate, and hand over what the trial is for."""
    trial.suggest_float("lr", 1e-6, 10.0, log=True)
    plan = trial_plan(trial)
    return {"n_reports": plan.n_steps, "seed": plan.seed, "is_surplus": plan.role == "surplus"}


def train(config: dict[str, Any]) -> None:
    """Train for as many reports as this trial is given."""
    n_steps = config["n_reports"] * STEPS_PER_REPORT
    report = lambda loss, _: tune.report({"loss": loss})  # noqa: E731
    fit(config["lr"], n_steps, config["seed"], report, every=STEPS_PER_REPORT)


class UntilFinal(OptunaSearch):
    """Ends the search with the final trial: Ray alone would run all its samples."""

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next configuration, or that there is none."""
        config = super().suggest(trial_id)
        return Searcher.FINISHED if config and config["is_surplus"] else config


if __name__ == "__main__":
    # One trial at a time keeps one worker busy, and nobody looks at Ray's dashboard here.
    ray.init(num_cpus=1, include_dashboard=False)
    sampler = BisectionSampler(probe_steps=25, final_steps=FULL_STEPS // STEPS_PER_REPORT)
    search = UntilFinal(space, metric="loss", mode="min", sampler=sampler)
    # One trial at a time: the search learns from each one before it asks for the next.
    settings = tune.TuneConfig(search_alg=search, num_samples=-1, max_concurrent_trials=1)
    results = tune.Tuner(train, tune_config=settings).fit()
    best = results.get_best_result("loss", "min")
    print(len(results), "trials:", best.config["lr"], best.metrics["loss"])
