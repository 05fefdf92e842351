"""Transformers: find the rate of a small GPT-2 on Python's own help texts, then train it."""

import tempfile
from collections.abc import Sequence
from pydoc_data.topics import topics
from typing import Any

import optuna
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

from optuna_bisect import BisectionSampler, VerdictPruner
from optuna_bisect.integrations.transformers import BisectionCallback

FULL_STEPS, BLOCK, N_VALIDATION = 600, 32, 128


def load() -> tuple[list[Any], list[Any]]:
    """Return blocks of ASCII characters: those for training, and those for validation."""
    text = "".join(topics.values()).encode("ascii", "ignore")[:200_000]
    blocks = [list(text[i : i + BLOCK]) for i in range(0, len(text) - BLOCK, BLOCK)]
    data = [{"input_ids": block, "labels": block} for block in blocks]
    return data[N_VALIDATION:], data[:N_VALIDATION]


def build() -> GPT2LMHeadModel:
    """Return a GPT-2 of two layers; the Trainer seeds it."""
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": BLOCK, "vocab_size": 128}
    return GPT2LMHeadModel(GPT2Config(bos_token_id=0, eos_token_id=0, **sizes))


def make_trainer(callbacks: Sequence[Any] = (), **arguments: Any) -> Trainer:
    """Return a Trainer for the full length."""
    settings = {
        "output_dir": tempfile.mkdtemp(),
        "max_steps": FULL_STEPS,
        "per_device_train_batch_size": 16,
        "per_device_eval_batch_size": N_VALIDATION,
        "report_to": "none",
        "save_strategy": "no",
        "use_cpu": True,
    }
    train_data, val_data = load()
    return Trainer(
        model_init=build,
        args=TrainingArguments(**(settings | arguments)),
        train_dataset=train_data,
        eval_dataset=val_data,
        callbacks=[*callbacks],
    )


def space(trial: optuna.Trial) -> dict[str, float]:
    """Suggest the rate."""
    return {"learning_rate": trial.suggest_float("learning_rate", 1e-6, 1.0, log=True)}


if __name__ == "__main__":
    callback = BisectionCallback()
    best = make_trainer([callback]).hyperparameter_search(
        hp_space=callback.watch(space),
        backend="optuna",
        # A fifth of the run: shorter probes end while every rate still learns letter frequencies.
        sampler=BisectionSampler(probe_steps=120, final_steps=FULL_STEPS, seed=0),
        pruner=VerdictPruner(),
    )
    print(best.hyperparameters, best.objective)
