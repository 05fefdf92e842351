"""Bisect the learning rate of a small network on real digits, then train it: one Optuna study.

Run ``python studies/digits.py`` (``--help`` for the options). Ctrl-C at any time: the same command
goes on where it stopped, or says that the study is complete.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import torch
from digits_task import OPTIMIZERS, Digits, batches, build_model, evaluate, load, train_step
from optuna.trial import TrialState
from report import format_table, write_page
from tqdm import tqdm

from optuna_bisect import BisectionSampler, VerdictPruner, trial_plan
from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.figures.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

N_REPORTS = 25
# A killed process leaves its trial RUNNING; this many seconds without a report, and it is dead.
STALE_SECONDS = 10.0


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
        with _bar(trial, lr, n_steps) as bar:
            for step, batch in zip(range(options.final_steps), batches(train, seed)):
                losses.append(train_step(model, optimizer, batch))
                is_due = step == 0 or (step + 1) % report_every == 0
                val_loss = evaluate(model, digits.validation)[0] if is_due else None
                is_restored = scheduler.step(losses[-1], val_loss)
                bar.update()
                if is_restored:
                    losses.clear()
                elif is_due or not math.isfinite(losses[-1]):
                    state = f"loss {losses[-1]:.3g}, rate {_rate(optimizer):.3g}"
                    bar.set_postfix_str(state, refresh=False)
                    trial.report(sum(losses) / len(losses), step)
                    losses.clear()
                    if trial.should_prune():
                        raise optuna.TrialPruned
                if scheduler.finished:
                    break
        trial.set_user_attr("accuracy", evaluate(model, digits.test)[1])
        return evaluate(model, digits.validation)[0]


def _rate(optimizer: torch.optim.Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])


def _bar(trial: Trial, lr: float, n_steps: int) -> tqdm[None]:
    """Show the phase, the trial and the bracket while it runs."""
    plan = trial_plan(trial)
    text = f"phase 1, probe {trial.number}: rate {lr:.3g}"
    if plan.is_final:
        text = f"phase 2, final trial {trial.number}"
    if plan.bracket is not None:
        text += f", bracket {plan.bracket.low:.3g} .. {plan.bracket.high:.3g}"
    # A log file gets few lines, a terminal gets motion.
    pause = 0.1 if sys.stderr.isatty() else 5.0
    return tqdm(total=n_steps, desc=text, unit="step", leave=False, mininterval=pause)


def show_verdict(study: Study, trial: FrozenTrial) -> None:
    """Say in one line how a trial ended."""
    row = next((r for r in summarize(study).rows if r.number == trial.number), None)
    if row is not None:
        tqdm.write("trial {0}  rate {1}  {2}: {5}".format(*row.cells))


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


def is_complete(study: Study) -> bool:
    """Tell whether the final trial is there."""
    final = summarize(study).final
    return final is not None and final.outcome == "complete"


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


def show_result(study: Study, options: argparse.Namespace) -> int:
    """Print the table, the winner, where everything is, and the line with the figures."""
    summary = summarize(study)
    print(f"\n{format_table(study)}\n\n{summary.conclusion}")
    write_page(study, options.output)
    print(f"figures: {options.output.resolve()}\nstudy: {study.study_name!r} in {options.storage}")
    if not is_complete(study) or summary.final is None:
        print("not complete: the log above says why")
        return 1
    accuracy = study.trials[summary.final.number].user_attrs["accuracy"]
    print(f"accuracy={accuracy:.4f} cost={summary.cost:.3f} final_lr={summary.final.rate:.4g}")
    return 0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    add = parser.add_argument
    add("--optimizer", choices=list(OPTIMIZERS), default="momentum", help="what is trained with")
    add("--low", type=float, default=1e-6, help="low end of the range")
    add("--high", type=float, default=1.0, help="high end of the range; it may diverge")
    add("--probe-steps", type=int, default=100, help="length of a probe, in updates")
    add("--final-steps", type=int, default=2000, help="length of the final trial, in updates")
    add("--probe-share", type=float, default=1.0, help="share of training data that probes use")
    add("--seed", type=int, default=0, help="seed of weights and order of the data")
    add("--storage", default="sqlite:///digits.db", help="where the study is kept")
    add("--output", type=Path, default=Path("digits.html"), help="page with the figures")
    options = parser.parse_args(argv)
    if not 0 < options.low <= options.high:
        parser.error(f"expected 0 < --low <= --high but got {options.low} and {options.high}.")
    if not 0 < options.probe_share <= 1:
        parser.error(f"--probe-share must lie in (0, 1] but got {options.probe_share}.")
    if not 1 <= options.probe_steps < options.final_steps:
        parser.error(
            f"expected 1 <= --probe-steps < --final-steps but got {options.probe_steps} and "
            f"{options.final_steps}."
        )
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run or resume the study; return the exit code."""
    options = parse(argv)
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = create_study(options)
    wait_for_others(study)
    if is_complete(study):
        print(f"{study.study_name!r} is complete already; another --seed makes another study")
        return show_result(study, options)
    if study.trials:
        print(f"resuming {study.study_name!r} after {len(study.trials)} trials")
    try:
        study.optimize(Objective(options, load()), callbacks=[show_verdict])
    except KeyboardInterrupt:
        print("\ninterrupted: the same command goes on from here")
        return 130
    return show_result(study, options)


if __name__ == "__main__":
    sys.exit(main())
