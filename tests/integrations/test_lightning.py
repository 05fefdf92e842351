"""Lightning: by batch with our callback, by epoch with that of optuna-integration unchanged."""

from __future__ import annotations

import logging
import math

import optuna
import pytest
import torch
from synthetic_trainer import roles, with_role
from torch.utils.data import DataLoader, TensorDataset

from optuna_bisect import BisectionSampler, VerdictPruner, _logger, trial_plan
from studies.trainers import compare

lightning = pytest.importorskip("lightning", reason="needs optuna_bisect[lightning]")

from optuna_bisect.integrations.lightning import BisectionCallback  # noqa: E402

# Lightning warns of torch's own future, and that there are few batches and no workers.
pytestmark = pytest.mark.filterwarnings("ignore")
EPOCHS, N_BATCHES = 5, 50
FULL_STEPS, PROBE_STEPS = EPOCHS * N_BATCHES, 40
QUIET = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")


class Network(lightning.LightningModule):
    """Fits a plane; keeps the losses and rates of its batches."""

    def __init__(self, lr: float, schedule=None) -> None:
        super().__init__()
        self.layer, self.lr, self.schedule = torch.nn.Linear(4, 1), lr, schedule
        self.losses, self.rates = [], []

    def loss(self, batch):
        return torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])

    def training_step(self, batch, _):
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        loss = self.loss(batch)
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), self.lr)
        return optimizer if self.schedule is None else ([optimizer], [self.schedule(optimizer)])


@pytest.fixture(autouse=True)
def few_words() -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def loader() -> DataLoader:
    x = torch.randn(N_BATCHES * 8, 4, generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), 8, shuffle=True)


def train(network, callbacks, **options):
    options |= {"accelerator": "cpu", "max_epochs": EPOCHS} | dict.fromkeys(QUIET, False)
    trainer = lightning.Trainer(callbacks=callbacks, **options)
    trainer.fit(network, loader(), loader())
    return trainer.callback_metrics["val_loss"].item()


def create_study(probe_steps: int | None = PROBE_STEPS, final_steps=FULL_STEPS, **options):
    sampler = BisectionSampler(probe_steps=probe_steps, final_steps=final_steps, seed=0)
    return optuna.create_study(sampler=sampler, pruner=VerdictPruner(), **options)


def ask(study: optuna.Study, lr: float | None = None) -> optuna.Trial:
    if lr is not None:
        study.enqueue_trial({"lr": lr})
    trial = study.ask()
    trial.suggest_float("lr", 1e-5, 1e4, log=True)
    return trial


def test_probes_end_within_an_epoch_and_the_rate_of_the_final_trial_is_adjusted() -> None:
    study, networks = create_study(), []

    def objective(trial: optuna.Trial) -> float:
        lightning.seed_everything(trial_plan(trial).seed, verbose=False)
        networks.append(Network(trial.suggest_float("lr", 1e-5, 10.0, log=True)))
        return train(networks[-1], [BisectionCallback(trial)])

    study.optimize(objective, n_trials=30)
    probes, final = with_role(study, "probe"), with_role(study, "final")
    assert roles(study) == ["probe"] * len(probes) + ["final"]
    assert all(probe.last_step < PROBE_STEPS < N_BATCHES for probe in probes)
    assert any(len(probe.intermediate_values) == PROBE_STEPS for probe in probes)
    assert all(set(n.rates) == {t.params["lr"]} for n, t in zip(networks, probes))
    assert len(networks[-1].rates) == FULL_STEPS
    assert networks[-1].rates[0] == final[0].params["lr"] > 10 * networks[-1].rates[-1]
    # The network is linear, and the task is a plane.
    assert final[0].value < 1e-3


def test_reports_are_the_losses_of_updates_where_several_batches_make_one() -> None:
    trial = ask(create_study(), lr=1e-3)
    network = Network(1e-3)
    with pytest.raises(optuna.TrialPruned):
        train(network, [BisectionCallback(trial)], accumulate_grad_batches=2, max_epochs=EPOCHS)
    found = trial.study.trials[0].intermediate_values
    assert len(network.losses) == 2 * len(found)
    pairs = torch.tensor(network.losses).view(-1, 2).mean(1)
    assert list(found.values()) == pytest.approx(pairs.tolist(), rel=1e-5)


class Skipping(Network):
    """Leaves out every third batch, or all of them."""

    def __init__(self, lr: float, n_used: int) -> None:
        super().__init__(lr)
        self.n_used = n_used

    def training_step(self, batch, i):
        return super().training_step(batch, i) if i % 3 < self.n_used else None


@pytest.mark.parametrize("n_batches", [1, 2])
def test_batches_that_a_module_leaves_out_have_no_loss_and_still_count_as_updates(
    n_batches,
) -> None:
    trial = ask(create_study(), lr=1e-3)
    with pytest.raises(optuna.TrialPruned):
        train(Skipping(1e-3, 2), [BisectionCallback(trial)], accumulate_grad_batches=n_batches)
    found = trial.study.trials[0].intermediate_values
    assert PROBE_STEPS - 2 <= max(found) <= PROBE_STEPS
    assert all(map(math.isfinite, found.values()))


def test_a_module_that_returns_no_loss_is_told_to(caplog) -> None:
    _logger._said.clear()
    optuna.logging.enable_propagation()
    train(Skipping(1e-3, 0), [BisectionCallback(ask(create_study(), lr=1e-3))])
    assert [r.getMessage() for r in caplog.records if "training_step" in r.getMessage()]


def test_a_loss_that_is_not_finite_ends_a_probe() -> None:
    trial = ask(create_study(), lr=1e4)
    with pytest.raises(optuna.TrialPruned):
        train(Network(1e4), [BisectionCallback(trial)])
    assert trial.user_attrs["bisect_verdict"] == "overshoot"
    assert not math.isfinite(list(trial.study.trials[0].intermediate_values.values())[-1])


def test_a_schedule_of_the_module_is_refused_or_left_alone() -> None:
    def decay(optimizer):
        return torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)

    trial = ask(create_study(), lr=0.01)
    with pytest.raises(ValueError, match=r"adjust=False"):
        train(Network(0.01, decay), [BisectionCallback(trial)])
    network = Network(0.01, decay)
    with pytest.raises(optuna.TrialPruned):
        train(network, [BisectionCallback(trial, adjust=False)])
    assert len(trial.study.trials[0].intermediate_values) == PROBE_STEPS
    trial = optuna.trial.FixedTrial({"lr": 0.01})
    train(network, [BisectionCallback(trial, adjust=False)])
    assert network.rates[-1] == 0.01 * 0.5 ** (EPOCHS - 1)


def run_unchanged(seed: int) -> optuna.Study:
    """Run a study by epochs, with nothing of ours but sampler and pruner, and no seed in a trial.

    One report a probe, from a network that is another one each time.
    """
    theirs = pytest.importorskip("optuna_integration", reason="needs optuna-integration")
    lightning.seed_everything(seed, verbose=False)
    sampler = BisectionSampler(final_steps=20, seed=seed)
    study = optuna.create_study(sampler=sampler, pruner=VerdictPruner())

    def objective(trial: optuna.Trial) -> float:
        network = Network(trial.suggest_float("lr", 1e-6, 10.0, log=True))
        pruning = theirs.PyTorchLightningPruningCallback(trial, monitor="val_loss")
        return train(network, [pruning], max_epochs=20)

    study.optimize(objective, n_trials=40)
    return study


def test_the_callback_of_optuna_integration_runs_unchanged() -> None:
    study = run_unchanged(0)
    assert roles(study)[-1] == "final"
    assert study.best_value < 0.1


@pytest.mark.soak
def test_fifty_searches_without_a_seed_all_end_with_a_network_that_has_learned() -> None:
    pytest.importorskip("optuna_integration", reason="needs optuna-integration")
    values = [compare.search("lightning", "unchanged", seed).best_value for seed in range(50)]
    assert max(values) < 0.6  # untrained: 2.3
