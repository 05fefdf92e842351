"""The log of moves: the copy of it that a trial carries."""

from __future__ import annotations

import json
import math

import optuna
from sine_fit import WIDE, build

from optuna_bisect import adjuster
from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.study.trial_plan import TrialPlan


def test_the_trial_carries_the_moves_in_a_few_kilobytes(monkeypatch, tmp_path):
    plan = TrialPlan(
        role="final", bracket=WIDE, start_lr=30.0, probe_steps=20, final_steps=4000, seed=0
    )
    monkeypatch.setattr(adjuster, "trial_plan", lambda trial: plan)
    study = optuna.create_study(storage=f"sqlite:///{tmp_path}/study.db")
    trial = study.ask()
    model, optimizer = build(30.0)
    scheduler = BisectionLR.for_trial(
        optimizer, trial, restore=(model, optimizer), interval_steps=1, max_moves=10**6
    )
    for step in range(4000):
        scheduler.step(2.0 + math.sin(step / 3) * (step > 600))
    value = study.trials[0].system_attrs["bisect:adjustment"]
    assert len(json.dumps(value)) < 6000
    assert value["moves"][-1][0] == 4000
    assert value["moves"][-1][2] == "finished"
    steps = [step for step, _ in value["path"]]
    assert steps == sorted(steps)
    assert len(steps) > 20
