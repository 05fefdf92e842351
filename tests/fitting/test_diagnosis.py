"""What a study says about under- and over-fitting: ``fitting.records`` keeps it on the trials."""

from __future__ import annotations

import json
import logging

import optuna
import pytest
import torch

import optuna_bisect as ob
from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.dashboard import format_note
from optuna_bisect.figures.adjustment import get_adjustment_info
from optuna_bisect.figures.summary import summarize
from optuna_bisect.fitting.records import losses_of

FINAL, PROBE, WORST = 400, 40, 6.0


def val_loss_of(step: int, lr: float, *, climbs: bool) -> float:
    """Falls like the training loss; where it climbs, it is lowest at step 100."""
    return train_loss_of(step, lr) + (max(0, step - 100) / 300 * WORST if climbs else 0.02)


def train_loss_of(step: int, lr: float) -> float:
    return 2.3 / (1 + 100 * min(lr, 4e-2 - lr) * step) if lr < 4e-2 else 2.3 * 2.0**step


def search(*, climbs: bool = True, as_tensor: bool = False) -> optuna.Study:
    """Run a study whose objective gives both losses to the scheduler."""

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_float("lr", 1e-6, 1.0, log=True)
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr)
        scheduler = BisectionLR.for_trial(optimizer, trial, feedback=False)
        for step in range(FINAL):
            train, is_due = train_loss_of(step, lr), step % 2 == 0
            val = val_loss_of(step, lr, climbs=climbs) if is_due else None
            given = [torch.tensor(x) if as_tensor and x is not None else x for x in (train, val)]
            scheduler.step(*given)
            if is_due:
                trial.report(train, step)
                if trial.should_prune():
                    raise optuna.TrialPruned
        return val_loss_of(FINAL, lr, climbs=climbs)

    sampler = ob.BisectionSampler(probe_steps=PROBE, final_steps=FINAL, seed=0)
    study = optuna.create_study(sampler=sampler, pruner=ob.VerdictPruner())
    study.optimize(objective)
    return study


@pytest.fixture(scope="module")
def climbing() -> optuna.Study:
    return search()


def test_a_final_trial_that_over_fits_is_said_with_the_best_step(climbing, caplog) -> None:
    """Training falls to near nothing, and validation climbs to 6."""
    final = climbing.best_trial
    fit = ob.diagnose(climbing)[final.number]
    assert fit.name == "over-fitting"
    assert 90 <= fit.best_step <= 130
    told = summarize(climbing).conclusion
    assert "It shows over-fitting" in told
    assert f"after {fit.best_step} steps: the weights of that step are the ones to keep" in told
    assert told in format_note(summarize(climbing))


def test_the_log_and_the_history_of_phase_2_say_it_too(caplog, monkeypatch) -> None:
    entries = []
    monkeypatch.setattr(logging.getLogger("optuna"), "propagate", True)
    original = BisectionLR.step

    def step(self, *losses):
        done = original(self, *losses)
        entries[:] = self.history
        return done

    monkeypatch.setattr(BisectionLR, "step", step)
    study = search()
    assert entries[-1].signal == "finished"
    assert "Over-fitting: the validation loss rose to" in entries[-1].reason
    said = [r.getMessage() for r in caplog.records if "over-fitting" in r.getMessage()]
    assert len(said) == 1
    assert said[0].startswith(f"Final trial {study.best_trial.number} shows over-fitting")


def test_probes_are_judged_and_the_table_has_a_column(climbing) -> None:
    fits, summary = ob.diagnose(climbing), summarize(climbing)
    full = [row for row in summary.probes if len(row.steps) >= 6]
    assert full
    assert {row.number for row in full} <= fits.keys()
    assert "| fit |" in format_note(summary)


def test_a_rate_that_was_too_high_is_not_said_to_under_fit(climbing) -> None:
    number = next(row.number for row in summarize(climbing).probes if row.fit)
    study = optuna.create_study()
    for trial in climbing.trials:
        if trial.number == number:
            trial.user_attrs["bisect_verdict"] = "overshoot"
        study.add_trial(trial)
    row = next(row for row in summarize(study).rows if row.number == number)
    assert row.outcome == "overshoot"
    assert row.both is not None
    assert row.fit is None


@pytest.mark.parametrize("as_tensor", [False, True])
def test_a_good_fit_is_named_so(as_tensor) -> None:
    study = search(climbs=False, as_tensor=as_tensor)
    assert ob.diagnose(study)[study.best_trial.number].name == "good fit"


def test_the_curves_stand_where_no_table_shows_them(climbing) -> None:
    for trial in climbing.trials:
        assert not {type(v) for v in trial.user_attrs.values()} - {int, float, str, bool}
        assert json.loads(json.dumps(trial.system_attrs, allow_nan=False)) == trial.system_attrs
    final = climbing.best_trial
    assert losses_of(final).points[-1][0] == FINAL - 1
    assert get_adjustment_info(climbing).number == final.number


def test_a_clone_does_not_carry_the_losses_of_the_trial_that_died(climbing) -> None:
    final = climbing.best_trial
    study = optuna.create_study()
    for trial in climbing.trials[: final.number]:
        study.add_trial(trial)
    attrs = final.user_attrs | {"bisect_number": final.number + 1}
    cloned = optuna.trial.create_trial(
        value=1.0, user_attrs=attrs, system_attrs=final.system_attrs
    )
    study.add_trial(cloned)
    assert losses_of(study.trials[-1]) is None
    assert losses_of(final) is not None
    moved = optuna.create_study()
    moved.add_trial(final)
    assert losses_of(moved.trials[0]) == losses_of(final)


def test_other_studies_have_no_diagnosis() -> None:
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("lr", 1e-3, 1, log=True), n_trials=2)
    assert ob.diagnose(study) == {}
