"""The rate that each trainer's search finds, beside the best of nine full runs at fixed rates.

``python -m studies.trainers.compare`` runs what ``results.csv`` lacks, and prints the table.
"""

from __future__ import annotations

import argparse
import math
import runpy
import statistics
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna

from optuna_bisect import BisectionSampler, VerdictPruner
from studies.shared.csv_rows import append, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

RESULTS = Path(__file__).with_name("results.csv")
FULL_STEPS = {"lightning": 460, "keras": 460, "transformers": 600, "scikit-learn": 1000}
# Half a decade apart; AdamW takes lower ones than plain descent.
LOWEST = {"lightning": 1e-3, "keras": 1e-3, "transformers": 1e-4, "scikit-learn": 1e-4}
RATES = {client: [low * 10 ** (k / 2) for k in range(9)] for client, low in LOWEST.items()}
# Steps of a probe, by client and method.
METHODS = {
    "lightning": {"unchanged": 46, "callback": 46},
    "keras": {"unchanged": 46, "callback": 46},
    "transformers": {
        "unchanged": 40,
        "unchanged, linear": 40,
        "callback": 120,
        "callback, probes of 40": 40,
        "callback, probes of 40, evaluated": 40,
    },
    "scikit-learn": {"partial_fit": 50},
}


def run_fixed(client: str, rate: float, seed: int) -> float:
    """Return the validation loss of a full run at a rate, with the trainer's own schedule."""
    if client == "scikit-learn":
        trial = optuna.trial.FixedTrial({"eta0": rate}, number=seed)
        return 1 - run_sklearn()["objective"](trial)
    example = load(client)
    if client == "transformers":
        trainer = example.make_trainer(learning_rate=rate, seed=seed, disable_tqdm=True)
        trainer.train()
        return trainer.evaluate()["eval_loss"]
    set_seed(client, seed)
    return example.train(rate)


def search(client: str, method: str, seed: int) -> optuna.Study:
    """Run a study as a user would, until it ends by itself or after 30 trials."""
    if client == "scikit-learn":
        return run_sklearn()["study"]
    storage = optuna.storages.InMemoryStorage()
    kept = {"storage": storage, "study_name": "compared", "pruner": VerdictPruner()}
    schedule = {"final_schedule": "linear"} if "linear" in method else {}
    steps = {"probe_steps": METHODS[client][method], "final_steps": FULL_STEPS[client]}
    if client == "transformers":
        search_transformers(method, seed, BisectionSampler(seed=seed, **steps, **schedule), kept)
        return optuna.load_study(study_name="compared", storage=storage)
    example = load(client)
    if method == "callback":
        objective = example.objective
    else:
        # Their callback counts epochs; nobody sets a seed in a trial.
        steps, objective = {"final_steps": example.EPOCHS}, unchanged(client)
        set_seed(client, seed)
    study = optuna.create_study(**kept, sampler=BisectionSampler(seed=seed, **steps))
    study.optimize(objective, n_trials=30)
    return study


def search_transformers(method: str, seed: int, sampler: BisectionSampler, kept: dict) -> None:
    """Call ``Trainer.hyperparameter_search``, with our callback or without."""
    example, arguments = load("transformers"), {"seed": seed, "disable_tqdm": True}
    callbacks, space = [], example.space
    if "callback" in method:
        ours = import_module("optuna_bisect.integrations.transformers")
        callbacks = [ours.BisectionCallback()]
        space = callbacks[0].watch(space)
    if "unchanged" in method or "evaluated" in method:
        arguments |= {"eval_strategy": "steps", "eval_steps": 10, "eval_on_start": True}
    example.make_trainer(callbacks, **arguments).hyperparameter_search(
        hp_space=space, backend="optuna", n_trials=30, sampler=sampler, **kept
    )


def run_sklearn() -> dict[str, Any]:
    """Run the example for ``partial_fit``, which draws its own seed; its value is an accuracy."""
    return runpy.run_path(str(Path(__file__).parents[1] / "examples" / "partial_fit.py"))


def unchanged(client: str) -> Callable[[optuna.Trial], float]:
    """Return an objective with the pruning callback of optuna-integration."""
    theirs, example = import_module("optuna_integration"), load(client)
    name = {"lightning": "PyTorchLightningPruningCallback", "keras": "KerasPruningCallback"}

    def objective(trial: optuna.Trial) -> float:
        pruning = getattr(theirs, name[client])(trial, monitor="val_loss")
        return example.train(trial.suggest_float("lr", 1e-6, 10.0, log=True), [pruning])

    return objective


def load(client: str) -> ModuleType:
    """Import the example of a trainer, which needs its package."""
    name = "transformers_text" if client == "transformers" else f"{client}_digits"
    return import_module(f"studies.trainers.{name}")


def set_seed(client: str, seed: int) -> None:
    """Seed weights and batches."""
    if client == "keras":
        import_module("keras").utils.set_random_seed(seed)
    else:
        import_module("lightning").seed_everything(seed, verbose=False)


def measure(client: str, method: str, seed: int) -> dict[str, object]:
    """Return the row of one search."""
    study = search(client, method, seed)
    attrs = [t.user_attrs for t in study.trials]
    final = [t for t, a in zip(study.trials, attrs) if a.get("bisect_role") == "final"]
    has_epochs = method == "unchanged" and client in {"lightning", "keras"}
    full = load(client).EPOCHS if has_epochs else None
    paid = sum((t.last_step or 0) + 1 for t in study.trials) / (full or FULL_STEPS[client])
    return {
        "client": client,
        "method": method,
        "seed": seed,
        "rate": study.best_trial.params[next(iter(study.best_trial.params))],
        "loss": 1 - study.best_value if client == "scikit-learn" else study.best_value,
        "paid": paid,
        "n_trials": len(study.trials),
        "ended": len(final) == 1 and study.trials[-1].state.name == "COMPLETE",
    }


def missing(clients: list[str], seeds: int, rows: list[dict[str, str]]) -> Iterator[tuple]:
    """Yield what is not in the rows yet."""
    done = {(row["client"], row["method"], row["seed"]) for row in rows}
    for client in clients:
        fixed = [f"{rate:.3g}" for rate in RATES[client]]
        for seed in range(seeds):
            for method in (*METHODS[client], *(fixed if seed == 0 else ())):
                if (client, method, str(seed)) not in done:
                    yield client, method, seed


def table(rows: list[dict[str, str]]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| client | method | rate / best | loss / best of nine | paid | trials | ends |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for client, methods in METHODS.items():
        own = [row for row in rows if row["client"] == client]
        fixed = [r for r in own if r["method"] not in methods and math.isfinite(float(r["loss"]))]
        if not fixed:
            continue
        best = min(fixed, key=lambda row: float(row["loss"]))
        for method in methods:
            found = [row for row in own if row["method"] == method]
            if not found:
                continue
            ratios = [float(r["rate"]) / float(best["rate"]) for r in found]
            losses = [float(r["loss"]) / float(best["loss"]) for r in found]
            paid = statistics.mean(float(r["paid"]) for r in found)
            trials = statistics.mean(int(r["n_trials"]) for r in found)
            ended = sum(r["ended"] == "True" for r in found)
            yield (
                f"| {client} | {method} | {min(ratios):.2f} to {max(ratios):.2f} | "
                f"{min(losses):.2f} to {max(losses):.2f} | {paid:.2f} | {trials:.1f} | "
                f"{ended} of {len(found)} |"
            )
        yield f"| {client} | best of nine | {float(best['rate']):.3g} | {best['loss']} | 9 | 9 | |"


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="run nothing")
    args = parser.parse_args()
    for client, method, seed in (
        () if args.table else missing(args.client, args.seeds, read(args.output))
    ):
        if method in METHODS[client]:
            row = measure(client, method, seed)
        else:
            rate = float(method)
            row = {"client": client, "method": method, "seed": seed, "rate": rate}
            row |= {"loss": run_fixed(client, rate, seed), "paid": 1, "n_trials": 1, "ended": True}
        append(args.output, row)
        print(*row.values(), file=sys.stderr)
    print(*table(read(args.output)), sep="\n")


if __name__ == "__main__":
    main()
