"""Lightning: find the rate of a small network on digits, then train it for 20 epochs."""

from collections.abc import Sequence
from typing import Any

import lightning
import optuna
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Subset, TensorDataset

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.integrations.lightning import BisectionCallback

EPOCHS, BATCH_SIZE = 20, 64
QUIET = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")


class Network(lightning.LightningModule):
    """One hidden layer."""

    def __init__(self, lr: float) -> None:
        super().__init__()
        self.lr = lr
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
        )

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        """Return the loss, which the callback reports."""
        return cross_entropy(self.layers(batch[0]), batch[1])

    def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
        """Log the loss that ``train`` returns."""
        self.log("val_loss", cross_entropy(self.layers(batch[0]), batch[1]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer alone: ``BisectionLR`` is its scheduler."""
        return torch.optim.SGD(self.parameters(), self.lr)


def load() -> list[Subset]:
    """Return images and labels for training, and those for validation."""
    images, labels = map(torch.tensor, load_digits(return_X_y=True))
    data = TensorDataset(images.float() / 16, labels)
    return [Subset(data, part) for part in (range(1437), range(1437, 1797))]


def train(lr: float, callbacks: Sequence[Any] = ()) -> float:
    """Train for the full length, and return the validation loss."""
    train_data, val_data = load()
    trainer = lightning.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", callbacks=[*callbacks], **dict.fromkeys(QUIET, False)
    )
    trainer.fit(
        Network(lr),
        DataLoader(train_data, BATCH_SIZE, shuffle=True),
        DataLoader(val_data, len(val_data)),
    )
    return trainer.callback_metrics["val_loss"].item()


def objective(trial: optuna.Trial) -> float:
    """Train for the full length; a probe is pruned on the way."""
    lightning.seed_everything(trial_plan(trial).seed, verbose=False)
    return train(trial.suggest_float("lr", 1e-6, 10.0, log=True), [BisectionCallback(trial)])


if __name__ == "__main__":
    n_updates = EPOCHS * len(DataLoader(load()[0], BATCH_SIZE))
    sampler = BisectionSampler(probe_steps=46, final_steps=n_updates, seed=0)  # 2 epochs of 20
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())
    study.optimize(objective)
    print(study.best_trial.params, study.best_value)
