"""Several hyperparameters: a rate is found for each configuration, and the best is trained."""

import optuna
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

from optuna_bisect import BisectionSampler, VerdictPruner, find_winner, trial_plan

FULL_STEPS = 1_000
images, labels = load_digits(return_X_y=True)
x, y = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels)
order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
(x_train, x_val), (y_train, y_val) = x[order].split(1_300), y[order].split(1_300)


def objective(trial: optuna.Trial) -> float:
    """Train for as long as the trial's plan says; Optuna asks nothing more of it."""
    width = trial.suggest_categorical("width", [16, 32, 64])
    dropout = trial.suggest_float("dropout", 0.0, 0.5)
    name = trial.suggest_categorical("optimizer", ["SGD", "RMSprop", "AdamW"])
    decay = trial.suggest_float("weight_decay", 1e-6, 1e-2, log=True)
    lr = trial.suggest_float("lr", 1e-6, 10.0, log=True)
    plan = trial_plan(trial)
    torch.manual_seed(plan.seed)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Dropout(dropout),
        torch.nn.Linear(width, 10),
    )  # fmt: skip
    optimizer = getattr(torch.optim, name)(model.parameters(), lr, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, FULL_STEPS)
    for step in range(plan.n_steps):
        if step % 4 == 0:
            with torch.no_grad():
                loss = cross_entropy(model.eval()(x_val), y_val).item()
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        batch = torch.randint(len(x_train), (64,))
        optimizer.zero_grad()
        cross_entropy(model.train()(x_train[batch]), y_train[batch]).backward()
        optimizer.step()
        if plan.is_final:
            schedule.step()  # probes have a constant rate
    with torch.no_grad():
        return cross_entropy(model.eval()(x_val), y_val).item()


sampler = BisectionSampler(
    final_steps=FULL_STEPS, n_configurations=8, n_rungs=2, final_schedule="cosine", seed=0
)
study = optuna.create_study(study_name="configurations", sampler=sampler, pruner=VerdictPruner())
study.optimize(objective)  # 8 configurations for less than one full run, then the full run
print(find_winner(study))
print(study.trials[-1].params, study.trials[-1].value)
