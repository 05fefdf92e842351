"""What a study's pruner has to keep to beside the sampler, whatever pruner the user chose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.pruners import BasePruner, HyperbandPruner, NopPruner, ThresholdPruner

from optuna_bisect.pruners import VerdictPruner, prune_final
from optuna_bisect.trials import attributes, internals
from optuna_bisect.trials.liveness import note_alive

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


def guard_pruner(study: Study) -> None:
    """Wrap the study's pruner where it would harm the life cycle of its trials.

    - A pruner that compares runs would cut the final trial: it lags behind probes whose rates
      are made for short runs. So divergence alone ends it, and limits that the user set.
    - A pruner that knows nothing of ``stale_after`` gives no sign of life.
    - PatientPruner asks the pruner inside only once a run has stopped improving, so that a
      balanced probe would run to its full length.
    """
    whole = internals.whole_study(study)
    pruner = whole.pruner
    if isinstance(pruner, _HARMLESS):
        return
    if isinstance(pruner, HyperbandPruner):
        whole.pruner = _GuardedHyperband(pruner)
    elif isinstance(inner := internals.wrapped_pruner(pruner), VerdictPruner):
        whole.pruner = _Guarded(pruner, inner)
    else:
        whole.pruner = _Guarded(pruner)


class _Guarded(BasePruner):
    """Asks the user's pruner, except about the end of a probe and in the final trial."""

    def __init__(self, outer: BasePruner, inner: VerdictPruner | None = None) -> None:
        self._outer = outer
        self._inner = inner

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Ask the pruner that is responsible for this moment of the trial."""
        attrs = attributes.read(trial)
        if self._inner is not None and _is_probe_over(trial, attrs):
            return self._inner.prune(study, trial)
        if not isinstance(self._outer, ThresholdPruner) and attrs.role == "final":
            return prune_final(study, trial, attrs.stale_after)
        note_alive(study, trial, attrs.stale_after)
        return self._outer.prune(study, trial)


class _GuardedHyperband(HyperbandPruner):
    """Asks Hyperband, except in the final trial; a subclass, because Optuna asks for the class."""

    def __init__(self, outer: HyperbandPruner) -> None:
        self.__dict__ = outer.__dict__

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Ask Hyperband, except in the final trial."""
        attrs = attributes.read(trial)
        if attrs.role == "final":
            return prune_final(study, trial, attrs.stale_after)
        note_alive(study, trial, attrs.stale_after)
        return super().prune(study, trial)


def _is_probe_over(trial: FrozenTrial, attrs: attributes.Attrs) -> bool:
    steps = attrs.probe_steps if attrs.role == "probe" else None
    return steps is not None and (trial.last_step or 0) + 1 >= steps


_HARMLESS = (VerdictPruner, NopPruner, _Guarded, _GuardedHyperband)
