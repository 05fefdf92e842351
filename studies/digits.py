"""Bisect the learning rate of a small network on real digits, then train it: one Optuna study.

Run ``python studies/digits.py`` (``--help`` for the options). Ctrl-C at any time: the same command
goes on after the last probe, begins the final trial again, or says that the study is complete.

Data and network are in ``digits_task``, what is shown is in ``digits_report``.
"""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING

if __name__ == "__main__":
    print("loading torch and the digits: some seconds, more on a busy machine", flush=True)

import optuna
import torch
from digits_options import parse
from digits_report import is_complete, print_result
from digits_task import OPTIMIZERS, Digits, batches, build_model, evaluate, load, train_step
from optuna.trial import TrialState

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.terminal import print_verdict, show_progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from optuna.study import Study
    from optuna.trial import Trial

N_REPORTS = 25
# A killed process leaves its trial RUNNING; this many seconds without a report, and it is dead.
STALE_SECONDS = 10.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run or resume the study; return the exit code."""
    options = parse(argv, __doc__ or "")
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = create_study(options)
    wait_for_others(study)
    if is_complete(study):
        print(f"{study.study_name!r} is complete already; another --seed makes another study")
        return print_result(study, options)
    if study.trials:
        print(f"resuming {study.study_name!r} after {len(study.trials)} trials")
    with show_progress(study):
        study.optimize(Objective(options, load()), callbacks=[print_verdict])
    return print_result(study, options)


def create_study(options: argparse.Namespace) -> Study:
    """Open the study of these options; other options get a study of their own."""
    name = (
        f"digits {options.optimizer} {options.low:g}..{options.high:g} steps "
        f"{options.probe_steps}/{options.final_steps} share {options.probe_share:g} "
        f"seed {options.seed}"
    )
    return optuna.create_study(
        study_name=name,
        storage=options.storage,
        load_if_exists=True,
        sampler=BisectionSampler(
            probe_steps=options.probe_steps,
            final_steps=options.final_steps,
            seed=options.seed,
            stale_after=STALE_SECONDS,
        ),
        pruner=VerdictPruner(),
    )


class Objective:
    """Train the network at the rate that the study suggests; written once, for the full length."""

    def __init__(self, options: argparse.Namespace, digits: Digits) -> None:
        self._options = options
        self._digits = digits

    def __call__(self, trial: Trial) -> float:
        """Return the validation loss; the accuracy on the held-out digits goes to an attribute."""
        options, digits = self._options, self._digits
        lr = trial.suggest_float("lr", options.low, options.high, log=True)
        plan = trial_plan(trial)
        seed, n_steps = plan.seed or 0, plan.n_steps or options.final_steps
        train = digits.train if plan.is_final else digits.train.share(options.probe_share)
        model = build_model(seed)
        optimizer = OPTIMIZERS[options.optimizer](model, lr)
        scheduler = BisectionLR.for_trial(optimizer, trial, restore=(model, optimizer))
        report_every, losses = max(1, n_steps // N_REPORTS), []
        for step, batch in zip(range(options.final_steps), batches(train, seed)):
            losses.append(train_step(model, optimizer, batch))
            is_due = step == 0 or (step + 1) % report_every == 0
            val_loss = evaluate(model, digits.validation)[0] if is_due else None
            if scheduler.step(losses[-1], val_loss):
                # The weights are older ones again: what these losses said is undone.
                losses.clear()
            elif is_due or not math.isfinite(losses[-1]):
                trial.report(sum(losses) / len(losses), step)
                losses.clear()
                if trial.should_prune():
                    raise optuna.TrialPruned
            if scheduler.finished:
                break
        trial.set_user_attr("accuracy", evaluate(model, digits.test)[1])
        return evaluate(model, digits.validation)[0]


def wait_for_others(study: Study) -> None:
    """Wait until running trials of other processes end, or have proved to be dead."""
    seen, since = None, time.monotonic()
    while time.monotonic() - since < STALE_SECONDS:
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        if not running:
            return
        progress = [(t.number, t.last_step) for t in running]
        if progress != seen:
            if seen is None:
                print(f"waiting for trials {[t.number for t in running]}, or for them to be dead")
            seen, since = progress, time.monotonic()
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
