"""Bisection of the learning rate in log space, as an Optuna sampler with pruners.

What needs more than Optuna and numpy is imported from its own module:

- `optuna_bisect.adjuster`: the rate of the full run, as a scheduler of torch.
- `optuna_bisect.visualization`: figures of a study (plotly).
- `optuna_bisect.dashboard`: notes and figures in optuna-dashboard.
- `optuna_bisect.terminal`: what a study says while it runs.
- `optuna_bisect.curvature`: the highest rate that plain descent can stand (torch).
- `optuna_bisect.integrations`: callbacks for Keras, Lightning and Transformers.
"""

from optuna_bisect.bracket import Bracket
from optuna_bisect.decisions.winner import Winner, find_winner
from optuna_bisect.fitting.diagnosis import diagnose
from optuna_bisect.fitting.fit import Fit, judge_fit
from optuna_bisect.pruners import OvershootPruner, UndershootPruner, VerdictPruner
from optuna_bisect.sampler import BisectionSampler
from optuna_bisect.study.trial_plan import TrialPlan, trial_plan
from optuna_bisect.verdicts.verdict import Verdict

__version__ = "0.2.0"

__all__ = [
    "BisectionSampler",
    "Bracket",
    "Fit",
    "OvershootPruner",
    "TrialPlan",
    "UndershootPruner",
    "Verdict",
    "VerdictPruner",
    "Winner",
    "diagnose",
    "find_winner",
    "judge_fit",
    "trial_plan",
]
