"""The verdict on a probe that still runs: against finished probes, and against running ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna_bisect.search.probe import Probe, initial_loss
from optuna_bisect.search.running import answer, led_by_running
from optuna_bisect.verdicts.classifier import classify

if TYPE_CHECKING:
    from optuna_bisect.study.history import History
    from optuna_bisect.verdicts.verdict import Verdict

# A running probe that others are cut against has run at least this share of a probe.
LEADER_SHARE = 0.25


def judge_probe(
    history: History, own: Probe, probe_steps: int | None, *, is_patient: bool = False
) -> Verdict | None:
    """Judge a probe against all finished probes; None while there is no verdict.

    The probe gets one in any case at ``probe_steps``, None: there is no such end. ``is_patient``
    lets a run that looks flat go on to its end.
    """
    evidence = history.evidence()
    probes = evidence.probes if evidence else ()
    return classify(
        own.curve,
        own.rate,
        initial=initial_loss([*probes, own]),
        incumbent=evidence.incumbent if evidence else None,
        probe_steps=probe_steps,
        is_patient=is_patient,
        sign=history.view.report_sign,
    )


def judge_beside(history: History, own: Probe) -> tuple[Verdict | None, int | None]:
    """Judge a running probe by what others have found since it began, or find at this moment.

    Also returned is the number of the running probe that led to the verdict, None where finished
    ones did.
    """
    evidence = history.evidence()
    found = answer(evidence, own) if evidence is not None else None
    if evidence is None or found is not None:
        return found, None
    least = LEADER_SHARE * (history.view.probe_steps or 0)
    led = led_by_running(evidence, history.running_probes(least))
    if led is evidence or led.incumbent is None:
        return None, None
    found = classify(
        own.curve,
        own.rate,
        initial=led.initial,
        incumbent=led.incumbent,
        probe_steps=history.view.probe_steps,
        sign=history.view.report_sign,
    )
    return found, None if found is None else led.incumbent.number
