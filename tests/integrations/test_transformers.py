"""The Trainer's own search, unchanged and with our callback."""

from __future__ import annotations

import optuna
import pytest
import torch
from synthetic_trainer import roles, with_role

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan

pytestmark = pytest.mark.soak  # a minute, most of it imports
transformers = pytest.importorskip("transformers", reason="needs optuna_bisect[transformers]")
pytest.importorskip("accelerate", reason="needs optuna_bisect[transformers]")

from optuna_bisect.integrations.transformers import BisectionCallback  # noqa: E402

FULL_STEPS, PROBE_STEPS = 300, 40
STEPS = {"probe_steps": PROBE_STEPS, "final_steps": FULL_STEPS}


class Plane(torch.nn.Module):
    """Fits a plane, as a model that a Trainer takes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)

    def forward(self, x, labels):
        found = self.layer(x)
        return {"loss": torch.nn.functional.mse_loss(found, labels), "logits": found}


class Rates(transformers.TrainerCallback):
    """Keeps the rates of a run, and those that its log tells."""

    def on_train_begin(self, args, state, control, **kwargs):
        self.rates, self.told = [], []

    def on_pre_optimizer_step(self, args, state, control, optimizer, **kwargs):
        self.rates.append(optimizer.param_groups[0]["lr"])

    def on_log(self, args, state, control, logs, **kwargs):
        if "learning_rate" in logs:
            self.told.append(logs["learning_rate"])


@pytest.fixture
def make(tmp_path):
    """Make a Trainer for the full length."""
    x = torch.randn(400, 4, generator=torch.Generator().manual_seed(0))
    data = [{"x": row, "labels": row.sum(0, keepdim=True)} for row in x]
    settings = {"max_steps": FULL_STEPS, "report_to": "none", "use_cpu": True}
    settings |= {"disable_tqdm": True, "optim": "sgd", "save_strategy": "no"}

    def build(*callbacks, **chosen):
        args = transformers.TrainingArguments(tmp_path, **(settings | chosen))
        return transformers.Trainer(
            None,
            args,
            model_init=Plane,
            train_dataset=data,
            eval_dataset=data,
            callbacks=list(callbacks),
        )

    return build


def space(trial):
    return {"learning_rate": trial.suggest_float("learning_rate", 1e-6, 10.0, log=True)}


def search(trainer, hp_space=space, **options):
    """Run the Trainer's own search; return its study."""
    storage = optuna.storages.InMemoryStorage()
    sampler = BisectionSampler(seed=0, **STEPS, **options)
    kept = {"storage": storage, "study_name": "s", "pruner": VerdictPruner(), "sampler": sampler}
    trainer.hyperparameter_search(hp_space=hp_space, backend="optuna", n_trials=30, **kept)
    return optuna.load_study(**kept)


def test_their_search_runs_unchanged_and_ends_by_itself(make) -> None:
    trainer = make(eval_strategy="steps", eval_steps=10, eval_on_start=True)
    study = search(trainer, final_schedule="linear")
    probes = with_role(study, "probe")
    assert roles(study) == ["probe"] * len(probes) + ["final"]
    assert all(min(probe.intermediate_values) == 0 for probe in probes)
    assert all(probe.last_step <= PROBE_STEPS for probe in probes)
    assert with_role(study, "final")[0].last_step == FULL_STEPS
    assert study.best_value < 0.01


def test_a_search_without_evaluation_is_told_that_there_is_nothing_to_judge(make, said) -> None:
    search(make(max_steps=5))
    assert said("Probe 0 reported nothing", "Report losses")


def test_the_callback_reports_losses_in_probes_and_adjusts_the_rate_of_the_final_trial(
    make,
) -> None:
    ours, rates = BisectionCallback(), Rates()
    trainer = make(ours, rates, logging_steps=7)
    study = search(trainer, ours.watch(space))
    probes, final = with_role(study, "probe"), with_role(study, "final")
    assert roles(study) == ["probe"] * len(probes) + ["final"]
    assert all(list(p.intermediate_values)[:3] == [0, 1, 2] for p in probes)
    assert all(p.last_step < PROBE_STEPS for p in probes)
    assert len(rates.rates) == FULL_STEPS
    assert rates.rates[0] == final[0].params["learning_rate"] > 10 * rates.rates[-1]
    assert rates.told[1] in rates.rates
    assert final[0].value < 1e-3
    n_trials = len(study.trials)
    trainer.train()  # an ordinary run after the search
    assert (len(study.trials), len(set(rates.rates))) == (n_trials, FULL_STEPS)


@pytest.mark.parametrize(("eval_steps", "in_probes"), [(10, True), (20, False)])
def test_four_evaluations_in_a_probe_judge_it_fewer_are_left_out(
    make, eval_steps, in_probes
) -> None:
    ours = BisectionCallback()
    chosen = {"eval_strategy": "steps", "eval_steps": eval_steps, "eval_on_start": True}
    study = search(make(ours, **chosen), ours.watch(space))
    longest = max(with_role(study, "probe"), key=lambda probe: probe.last_step)
    expected = list(range(0, PROBE_STEPS + 1, 10)) if in_probes else list(range(PROBE_STEPS))
    assert list(longest.intermediate_values) == expected
    final = list(with_role(study, "final")[0].intermediate_values)
    assert final[final[0] == 0 :] == list(range(eval_steps, FULL_STEPS + 1, eval_steps))


def test_in_an_objective_of_ones_own_the_trainers_schedule_may_stay(make) -> None:
    study = optuna.create_study(
        sampler=BisectionSampler(seed=0, **STEPS, final_schedule="linear"), pruner=VerdictPruner()
    )
    rates = Rates()

    def objective(trial: optuna.Trial) -> float:
        lr, seed = trial.suggest_float("lr", 1e-6, 10.0, log=True), trial_plan(trial).seed
        callback = BisectionCallback(trial, adjust=False)
        trainer = make(callback, rates, learning_rate=lr, seed=seed)
        trainer.train()
        return trainer.evaluate()["eval_loss"]

    study.optimize(objective, n_trials=30)
    assert roles(study)[-1] == "final"
    lr = study.best_trial.params["lr"]
    assert rates.rates[150] == pytest.approx(lr / 2)


def test_a_warm_up_of_the_arguments_warms_up_the_full_run_alone(make) -> None:
    ours, rates, first = BisectionCallback(), Rates(), []

    class First(transformers.TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, optimizer, **kwargs):
            if state.global_step == 0:
                first.append(optimizer.param_groups[0]["lr"])

    study = search(make(ours, rates, First(), warmup_steps=30), ours.watch(space))
    tried = [trial.params["learning_rate"] for trial in study.trials]
    assert first[:-1] == tried[:-1]
    assert first[-1] < 0.2 * tried[-1]
    assert max(rates.rates) == pytest.approx(tried[-1])


def test_a_loss_that_is_not_finite_is_seen_and_ends_a_probe(make) -> None:
    study = optuna.create_study(sampler=BisectionSampler(**STEPS), pruner=VerdictPruner())
    study.enqueue_trial({"lr": 1e4})
    trial = study.ask()
    lr = trial.suggest_float("lr", 1e-6, 1e4, log=True)
    with pytest.raises(optuna.TrialPruned):
        make(BisectionCallback(trial), learning_rate=lr, max_grad_norm=0).train()
    assert trial.user_attrs["bisect_verdict"] == "overshoot"


def test_a_search_that_nobody_watches_is_refused(make) -> None:
    with pytest.raises(RuntimeError, match=r"callback\.watch\(hp_space\)"):
        search(make(BisectionCallback()))
