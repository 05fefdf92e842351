"""The steps of a trial's reports: in the unit of the settings, and counted up from near 0?"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from optuna.storages import InMemoryStorage, JournalStorage
from optuna.trial import TrialState

from optuna_bisect._logger import warn_once
from optuna_bisect.study.trial_kinds import LEAST_LENGTH
from optuna_bisect.trials import attributes, internals
from optuna_bisect.trials.view import curve_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from optuna_bisect.search.probe import Probe

# Steps that begin this many gaps between reports above 0 are counted from somewhere else.
_FAR = 2
# A database hands a trial's reports out by step or as its rows happen to lie, gRPC by hashes.
_KEEP_ORDER = (InMemoryStorage, JournalStorage)
_ASK = "count the steps of each trial up from 0, in the unit of probe_steps and final_steps"


def find_first_step(steps: Sequence[int], probe_steps: int) -> int | None:
    """Return the step from which a run counts, None where that is 0.

    ``steps`` are those of its reports in the order of time. A run counts down, or goes on from an
    old global step, which lies beyond a whole probe: a smaller one may be a late first report.
    """
    if len(steps) < 2:
        return None
    first, gap = steps[0], steps[1] - steps[0]
    return first if gap < 0 or first >= max(probe_steps, _FAR * gap + 1) else None


def note_first_step(
    study: Study, trial: FrozenTrial, attrs: attributes.Attrs, *, at_end: bool = False
) -> attributes.Attrs:
    """Write on a probe from which step it counts, and warn; return its attributes.

    It is written because only the running trial knows in which order its reports came. ``at_end``
    the storage has been asked, and many do not know it: an old global step is all to be seen then.
    """
    probe_steps = attrs.probe_steps
    if attrs.first_step is not None or probe_steps is None or attrs.role != "probe":
        return attrs
    steps = _first_two(study, trial, at_end=at_end)
    if len(steps) < 2:
        return attrs
    first, second = steps
    found = find_first_step(steps, probe_steps)
    if found is not None:
        attributes.write(study, trial, first_step=found)
    is_late = first >= probe_steps / 2 and first > _FAR * (second - first)
    if found is not None or is_late:
        taken = "taken for the first step" if found is not None else "taken for a late report"
        warn_once(
            f"Trial {trial.number} reported at step {first} and then at {second}, with "
            f"probe_steps={probe_steps}: step {first} is {taken}; {_ASK}.",
            "first step",
            study.study_name,
        )
    return attrs._replace(first_step=found)


def _first_two(study: Study, trial: FrozenTrial, *, at_end: bool) -> list[int]:
    """Return the steps of a trial's first two reports, the smallest where their order is lost."""
    steps = trial.intermediate_values
    if not at_end or isinstance(internals.storage_of(study), _KEEP_ORDER):
        # Few of them alone: this is called at every report.
        found = list(islice(steps, 2))
        # The clone of a dead trial may have that one's reports, in any order before its own.
        if found == sorted(found) or next(reversed(steps)) <= found[-1]:
            return found
    return sorted(steps)[:2]


def is_first_report(
    study: Study, own: Probe, probes: Sequence[Probe], probe_steps: int | None
) -> bool:
    """Tell whether the only report of a probe says nothing yet, though its step ends the probe.

    It comes before any training where steps count down or go on from an old global step. So it
    seems where the step lies beyond a probe that others reported in more often, or where all
    rates so far have reported the very same value.
    """
    if probe_steps is None or len(own.curve) != 1 or not own.curve.is_finite:
        return False
    if own.curve.horizon < probe_steps:
        return False
    step, loss = own.curve.steps[0], own.curve.losses[0]
    others = [p for p in probes if len(p.curve)]
    if step > probe_steps or (step == probe_steps and any(len(p.curve) > 1 for p in others)):
        return True
    if any(p.rate != own.rate for p in others) and all(p.curve.losses[0] == loss for p in others):
        warn_once(
            f"Trials {others[0].number} and {own.number} first reported the same value "
            f"{loss:.4g} at different rates, at step {step} with probe_steps={probe_steps}, so "
            f"that it says nothing about them; report after some training, and {_ASK}.",
            "same first value",
            study.study_name,
        )
        return True
    return False


def warn_of_units(study: Study, trial: FrozenTrial, state: TrialState | None = None) -> None:
    """Warn where the steps of the reports and the settings cannot be of one unit.

    Args:
        study: The study.
        trial: A final trial that runs, or a probe that ends.
        state: The state in which it ends, None while it runs.
    """
    attrs = attributes.read(trial)
    steps = trial.intermediate_values
    if not steps:
        return
    # While it runs this is called at every report, and the order is known.
    first = attrs.first_step or 0
    last = next(reversed(steps)) if state is None else max(steps, key=lambda s: abs(s - first))
    if attrs.role == "final" and attrs.final_steps is not None and last > attrs.final_steps:
        warn_once(
            f"Final trial {trial.number} reports step {last}, beyond "
            f"final_steps={attrs.final_steps}; {_ASK}.",
            "beyond",
            study.study_name,
        )
    if attrs.role != "probe" or attrs.probe_steps is None or state != TrialState.COMPLETE:
        return
    if curve_of(trial, 1).horizon < LEAST_LENGTH * attrs.probe_steps:
        warn_once(
            f"Trial {trial.number} ran to its end with its last report at step {last}, before "
            f"half of probe_steps={attrs.probe_steps}, so that nothing ended it as a probe; "
            f"{_ASK}, over all epochs.",
            "short",
            study.study_name,
        )
