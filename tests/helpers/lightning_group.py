"""A study whose trials are trained by two processes in Lightning, to be run as a script.

``python lightning_group.py STRATEGY [STORAGE [N_TRIALS]]`` has Lightning launch them;
``torchrun --nproc-per-node 2 lightning_group.py ddp`` runs the script in each. Prints the study as
JSON, and for each process of each run its rank, its number of updates and its last rate.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import warnings

import lightning
import optuna
import torch
import torch.distributed as dist
from optuna_integration import TorchDistributedTrial
from torch.utils.data import DataLoader, TensorDataset

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.integrations.lightning import BisectionCallback

warnings.simplefilter("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
EPOCHS, N_BATCHES, PROBE_STEPS = 2, 60, 30  # in each of two processes
QUIET = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")


class Network(lightning.LightningModule):
    """Fits a plane."""

    def __init__(self, lr: float) -> None:
        super().__init__()
        self.layer, self.lr = torch.nn.Linear(4, 1), lr

    def training_step(self, batch, _):
        return torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])

    def validation_step(self, batch, _):
        self.log("val_loss", self.training_step(batch, _), sync_dist=True)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.lr)

    def on_train_end(self):
        rate = self.optimizers().param_groups[0]["lr"]
        tell({"rank": self.global_rank, "steps": self.global_step, "rate": rate})


def tell(line: dict) -> None:
    """Print in one write, as two processes share the output."""
    os.write(1, f"{json.dumps(line)}\n".encode())


def loader() -> DataLoader:
    x = torch.randn(2 * N_BATCHES * 8, 4, generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), 8)


def objective(trial) -> float:
    lr = trial.suggest_float("lr", 1e-5, 1e3, log=True)
    lightning.seed_everything(trial_plan(trial).seed, verbose=False)
    callback = BisectionCallback(trial)
    options = {"accelerator": "cpu", "devices": 2, "max_epochs": EPOCHS, "strategy": STRATEGY}
    trainer = lightning.Trainer(callbacks=[callback], **options, **dict.fromkeys(QUIET, False))
    trainer.fit(Network(lr), loader(), loader())
    callback.check_pruned()
    return trainer.callback_metrics["val_loss"].item()


def search(objective, storage=None, n_trials=15) -> None:
    sampler = BisectionSampler(probe_steps=PROBE_STEPS, final_steps=EPOCHS * N_BATCHES, seed=0)
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner(), storage=storage)
    study.enqueue_trial({"lr": 1e3})  # diverges
    study.optimize(objective, n_trials=int(n_trials))
    for t in study.trials:
        role, verdict = (t.user_attrs.get(f"bisect_{key}") for key in ("role", "verdict"))
        line = {"state": t.state.name, "role": role, "verdict": verdict, "lr": t.params["lr"]}
        line |= {"value": t.value, "last": t.last_step}
        line["losses"] = "bisect:losses" in t.system_attrs
        tell(line)


def search_in_group() -> None:
    """As studies/examples/distributed.py does."""
    dist.init_process_group("gloo")
    go_on = torch.zeros(1)

    def lead(trial: optuna.Trial) -> float:
        if trial_plan(trial).role == "surplus":
            raise optuna.TrialPruned
        dist.broadcast(torch.ones(1), src=0)
        return objective(TorchDistributedTrial(trial))

    if dist.get_rank() == 0:
        search(lead)
        dist.broadcast(go_on, src=0)
    while dist.get_rank() and (dist.broadcast(go_on, src=0) or go_on):
        with contextlib.suppress(optuna.TrialPruned):
            objective(TorchDistributedTrial(None))
    dist.destroy_process_group()


STRATEGY = sys.argv[1]
if __name__ == "__main__":
    if "TORCHELASTIC_RUN_ID" in os.environ:
        search_in_group()
    else:
        search(objective, *sys.argv[2:])
