"""The scheduler: real optimizers on problems of a few numbers."""

from __future__ import annotations

import io
import math
import pickle

import optuna
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from optuna_bisect import BisectionSampler, adjuster, trial_plan
from optuna_bisect.adjuster import BisectionLR
from optuna_bisect.bracket import Bracket
from optuna_bisect.study.trial_plan import TrialPlan
from optuna_bisect.training.divergence import Diverged
from optuna_bisect.training.snapshot import Snapshot

torch.set_num_threads(1)
BRACKET = Bracket(1e-4, 1e2)


def build(lr=0.1, ratios=(1.0,), momentum=0.9):
    torch.manual_seed(0)
    model = torch.nn.Linear(3, len(ratios), bias=False)
    extra = [torch.nn.Parameter(torch.zeros(1)) for _ in ratios[1:]]
    groups = [{"params": model.parameters(), "lr": lr}]
    groups += [{"params": [p], "lr": lr * r} for p, r in zip(extra, ratios[1:])]
    return model, torch.optim.SGD(groups, momentum=momentum)


def make(lr=0.1, *, optimizer=None, bracket=BRACKET, **options):
    optimizer = build(lr)[1] if optimizer is None else optimizer
    defaults = {"start_lr": lr, "probe_steps": 10, "final_steps": 400}
    return BisectionLR(optimizer, bracket, **(defaults | options))


def lr_of(scheduler):
    return float(scheduler.optimizer.param_groups[0]["lr"])


def train(model, optimizer, scheduler, n_steps, begin=0):
    """Fit noisy linear data; return the restored flags and rates."""
    target = torch.tensor([[1.0, -2.0, 0.5]])
    log = []
    for step in range(begin, begin + n_steps):
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(16, 3, generator=generator)
        y = x @ target.T + 0.1 * torch.randn(16, 1, generator=generator)
        loss = ((model(x)[:, :1] - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        log.append((scheduler.step(loss), lr_of(scheduler)))
    return log


def test_it_is_a_torch_scheduler_and_sets_the_start_rate_without_a_step():
    _, optimizer = build(0.5)
    scheduler = make(0.1, optimizer=optimizer)
    assert isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler)
    assert scheduler.get_last_lr() == [0.1]
    assert scheduler.last_epoch == 0
    assert scheduler.history == []


def test_the_open_loop_rate_is_constant_then_a_linear_anneal_to_zero():
    """With a race and without: what measured best for the final trial of a search."""
    scheduler = make(feedback=False)
    rates = []
    for _ in range(400):
        rates.append(lr_of(scheduler))
        scheduler.step(1.0)
    assert rates[:201] == [0.1] * 201
    assert rates[300] == pytest.approx(0.05)
    assert lr_of(scheduler) == 0.0


def test_the_law_is_followed_where_it_is_asked_for():
    scheduler = make(feedback=False, decay="law", anneal_fraction=0.25)
    rates = []
    for _ in range(400):
        scheduler.step(1.0)
        rates.append(lr_of(scheduler))
    assert rates[9] == 0.1
    assert rates[99] == pytest.approx(0.1 * 0.1**0.32)
    assert rates[349] == pytest.approx(0.1 * (10 / 350) ** 0.32 / 2)
    assert rates[399] == 0.0
    assert scheduler.finished
    assert [entry.signal for entry in scheduler.history] == ["anneal", "finished"]


def test_param_groups_keep_their_ratios():
    _, optimizer = build(0.5, ratios=(1.0, 0.1, 3.0))
    scheduler = make(0.2, optimizer=optimizer)
    for _ in range(100):
        scheduler.step(1.0)
        first, *others = scheduler.get_last_lr()
        assert others == pytest.approx([0.1 * first, 3.0 * first])


def test_a_group_added_later_keeps_its_ratio_too():
    _, optimizer = build(0.1)
    scheduler = make(0.1, optimizer=optimizer)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.05})
    scheduler.step(1.0)
    assert scheduler.get_last_lr() == pytest.approx([0.1, 0.05])


def test_a_tensor_rate_is_filled_in_place_also_by_a_restore():
    model = torch.nn.Linear(3, 1)
    lr = torch.tensor(0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, foreach=False, capturable=True)
    options = {"restore": (model, optimizer), "interval_steps": 1, "leg_fraction": 0.0}
    scheduler = make(0.1, optimizer=optimizer, **options)
    for _ in range(40):
        scheduler.step(1.0 + 1e-3 * torch.rand(()))
    assert optimizer.param_groups[0]["lr"] is lr
    before = float(lr)
    assert scheduler.step(math.nan)
    assert optimizer.param_groups[0]["lr"] is lr
    assert float(lr) == pytest.approx(before / 3, rel=0.02)
    assert scheduler.get_last_lr()[0] is not lr


def test_losses_are_read_from_the_device_only_at_interval_ends(monkeypatch):
    reads = []
    original = torch.Tensor.__float__
    monkeypatch.setattr(torch.Tensor, "__float__", lambda x: reads.append(1) or original(x))
    scheduler = make(interval_steps=50)
    for _ in range(49):
        scheduler.step(torch.tensor(1.0), torch.tensor(1.0))
    assert reads == []
    scheduler.step(torch.tensor(1.0))
    assert len(reads) == 3


def test_a_loss_keeps_no_graph_alive_and_must_be_one_number():
    scheduler = make()
    loss = (torch.ones(1, requires_grad=True) * 2).reshape(1, 1)
    scheduler.step(loss)
    assert not scheduler._run.meter.total.requires_grad
    with pytest.raises(ValueError, match="but got a tensor of shape"):
        scheduler.step(torch.ones(3))


def test_half_precision_losses_are_summed_in_single():
    scheduler = make(interval_steps=399)
    for _ in range(300):
        scheduler.step(torch.tensor(1000.0, dtype=torch.float16))
    assert scheduler.state_dict()["meter"]["total"] == 300_000.0


@pytest.mark.parametrize("lr", [0.002, 20.0])
def test_a_start_far_off_ends_lower_than_open_loop(lr):
    finals = []
    for feedback in (False, True):
        model, optimizer = build(lr, momentum=0.0)
        options = {"restore": (model, optimizer)} if feedback else {}
        scheduler = make(lr, optimizer=optimizer, feedback=feedback, **options)
        try:
            train(model, optimizer, scheduler, 400)
            error = float((model.weight.detach() - torch.tensor([[1.0, -2.0, 0.5]])).norm())
        except Diverged:
            error = math.inf
        finals.append(error)
    assert finals[1] < 0.5 * finals[0]


def test_a_collapse_restores_the_last_good_weights_and_optimizer_and_cuts_the_rate():
    model, optimizer = build(0.03)
    scheduler = make(0.03, optimizer=optimizer, restore=(model, optimizer), interval_steps=2)
    train(model, optimizer, scheduler, 200)
    good, before = model.weight.detach().clone(), lr_of(scheduler)
    with torch.no_grad():
        model.weight.fill_(math.nan)
    flags = train(model, optimizer, scheduler, 2, begin=200)
    assert [restored for restored, _ in flags] == [False, True]
    assert torch.allclose(model.weight, good, atol=0.5)
    buffer = optimizer.state[model.weight]["momentum_buffer"]
    assert bool(torch.isfinite(buffer).all())
    assert lr_of(scheduler) == pytest.approx(before / 3, rel=0.02)
    entry = scheduler.history[-1]
    assert (entry.step, entry.signal) == (202, "collapse")
    assert entry.lr == lr_of(scheduler)
    assert "back" in entry.reason
    train(model, optimizer, scheduler, 50, begin=202)
    assert torch.allclose(model.weight, good, atol=0.5)


def test_a_stall_puts_the_last_good_weights_back_and_cuts_the_rate_to_a_third():
    model, optimizer = build(0.05)
    options = {"restore": (model, optimizer), "interval_steps": 1, "leg_fraction": 0.0}
    scheduler = make(0.05, optimizer=optimizer, decay="none", **options)
    for step in range(100):
        before = lr_of(scheduler)
        with torch.no_grad():
            model.weight.fill_(step)
        # The loss stands still from step 30 on.
        if scheduler.step(2.0 * 0.9 ** min(step, 30) + 0.1 + 1e-4 * (step % 3)):
            break
    entry = scheduler.history[-1]
    assert (entry.signal, entry.lr) == ("stall", pytest.approx(before / 3))
    assert "back" in entry.reason
    assert float(model.weight.detach().max()) <= step - 8


@pytest.mark.parametrize(("options", "is_raised"), [({}, True), ({"threshold": 0.5}, False)])
def test_after_a_race_a_descent_need_be_less_straight_to_raise_the_rate(options, is_raised):
    model, optimizer = build()
    options = {"final_steps": 1000, "restore": (model, optimizer)} | options
    scheduler = make(optimizer=optimizer, **options)
    age = length = 0
    for _ in range(400):
        age += 1
        progress = 0.4 * (age / 100) ** 0.3 if lr_of(scheduler) > 0.05 else 0.0
        if scheduler.step(2.3 - progress):
            length = length or age
            age = 0 if scheduler.history[-1].signal == "leg" else length
    signals = [entry.signal for entry in scheduler.history]
    assert signals[:2] == ["leg", "settled"]
    assert ("undershoot" in signals) == is_raised


def test_a_stall_before_the_first_copy_leaves_the_weights_and_after_one_copy_trusts_it():
    model, optimizer = build()
    snapshot = Snapshot((model, optimizer))
    assert not snapshot.put_back(snapshot.earlier)
    with torch.no_grad():
        model.weight.fill_(3.0)
    snapshot.offer()
    with torch.no_grad():
        model.weight.fill_(5.0)
    assert snapshot.put_back(snapshot.earlier)
    assert float(model.weight.detach().max()) == 3.0


def test_a_rate_that_somebody_else_changed_is_set_again_at_the_next_decision():
    scheduler = make(interval_steps=4)
    scheduler.step(1.0)
    scheduler.optimizer.param_groups[0]["lr"] = 9.0
    for _ in range(3):
        scheduler.step(1.0)
    assert lr_of(scheduler) == scheduler.get_last_lr()[0] == 0.1


def test_weights_ruined_by_the_update_after_a_good_loss_are_not_what_comes_back():
    model, optimizer = build(0.05)
    options = {"restore": (model, optimizer), "interval_steps": 1, "leg_fraction": 0.0}
    scheduler = make(0.05, optimizer=optimizer, **options)
    flags = []
    for step in range(64):
        if step == 63:  # the end of the 64th interval, where a snapshot is due
            with torch.no_grad():
                model.weight.fill_(math.nan)
        flags.append(scheduler.step(2.0 * 0.9**step + 0.1))
    assert not any(flags)
    assert scheduler.step(math.nan)
    assert bool(torch.isfinite(model.weight).all())


def test_a_loss_that_is_never_finite_is_given_up_after_many_restores():
    model, optimizer = build()
    scheduler = make(optimizer=optimizer, restore=(model, optimizer), interval_steps=1)
    with pytest.raises(Diverged):
        all(scheduler.step(math.nan) for _ in range(40))
    assert scheduler.last_epoch > 20


def test_diverged_names_step_and_rate_and_can_be_pickled():
    scheduler = make(0.3, interval_steps=2)
    scheduler.step(math.nan)
    with pytest.raises(Diverged, match=r"step 2 .*0\.3") as caught:
        scheduler.step(1.0)
    assert isinstance(caught.value, FloatingPointError)
    assert not isinstance(caught.value, optuna.TrialPruned)
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (copy.step, copy.lr) == (2, 0.3)
    assert "not finite" in str(copy)


def test_a_validation_loss_that_is_not_finite_diverges_too():
    with pytest.raises(Diverged):
        make(interval_steps=1).step(1.0, math.inf)


def test_a_trainer_that_steps_without_a_loss_is_told_how_to_give_it():
    """Lightning and Transformers call every scheduler bare, unless told otherwise."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    scheduler = BisectionLR(torch.optim.SGD([parameter], 0.1), None, start_lr=0.1, probe_steps=10)
    with pytest.raises(
        TypeError, match=r"needs the training loss but got none.*reduce_on_plateau"
    ):
        scheduler.step()
    assert scheduler.last_epoch == 0


def test_steps_per_call_counts_design_steps():
    scheduler = make(steps_per_call=100, feedback=False)
    for _ in range(4):
        scheduler.step(1.0)
    assert scheduler.finished
    assert scheduler.history[-1].step == 400


def test_a_last_interval_that_is_cut_short_still_finishes():
    scheduler = make(final_steps=25, interval_steps=10)
    for i in range(25):
        assert not scheduler.finished
        scheduler.step(1.0 / (1 + i))
    assert scheduler.finished


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_lr": 0.0},
        {"start_lr": 1e3},
        {"probe_steps": 0},
        {"final_steps": 0},
        {"probe_steps": 500},
        {"horizon_exponent": -0.1},
        {"anneal_fraction": 2},
        {"factor": 1.0},
        {"interval_steps": 0},
        {"steps_per_call": 0},
        {"restore": 3},
        {"restore": (1, 2, 3)},
        {"window": 1},
    ],
)
def test_bad_options_are_refused_at_construction(wrong):
    with pytest.raises(ValueError, match="but got"):
        make(**wrong)


def test_wrong_types_and_unknown_options_are_refused():
    with pytest.raises(TypeError, match="but got"):
        make(optimizer=3)
    with pytest.raises(TypeError, match="bogus"):
        make(bogus=1)
    with pytest.raises(ValueError, match="but got"):
        make(optimizer=torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.0))


def reload(state):
    """Through a file, as strictly as torch can read one."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


@given(stop=st.integers(1, 119), start=st.sampled_from([0.004, 0.1, 0.6]))
@settings(max_examples=15, deadline=None)
def test_a_run_that_stops_and_resumes_equals_one_that_does_not(stop, start):
    options = {"final_steps": 120, "interval_steps": 3, "significance": 0.1}
    model, optimizer = build(start)
    unbroken = make(start, optimizer=optimizer, **options)
    expected = train(model, optimizer, unbroken, 120)
    model, optimizer = build(start)
    first = make(start, optimizer=optimizer, **options)
    log = train(model, optimizer, first, stop)
    saved = reload([model.state_dict(), optimizer.state_dict(), first.state_dict()])
    model, optimizer = build(start)
    second = make(start, optimizer=optimizer, **options)
    for target, state in zip((model, optimizer, second), saved):
        target.load_state_dict(state)
    assert log + train(model, optimizer, second, 120 - stop, begin=stop) == expected
    assert second.history == unbroken.history
    assert second.state_dict() == unbroken.state_dict()


def test_loading_sets_the_rate_even_where_the_optimizer_was_not_loaded():
    first = make()
    for _ in range(100):
        first.step(1.0)
    second = make()
    second.load_state_dict(first.state_dict())
    assert second.get_last_lr() == first.get_last_lr()


def test_after_loading_a_collapse_goes_back_to_weights_that_were_loaded():
    model, optimizer = build()
    scheduler = make(optimizer=optimizer, restore=(model, optimizer), interval_steps=1)
    scheduler.load_state_dict(scheduler.state_dict())
    with torch.no_grad():
        model.weight.fill_(7.0)
    scheduler.step(1.0)
    assert scheduler.step(math.nan)
    assert float(model.weight.detach().mean()) == 7.0


@pytest.fixture
def planned(monkeypatch):
    """Give every trial a plan of the test's choice."""

    def give(**fields):
        monkeypatch.setattr(adjuster, "trial_plan", lambda trial: TrialPlan(**fields))

    return give


FINAL = {
    "role": "final",
    "bracket": Bracket(0.01, 1.0),
    "start_lr": 0.2,
    "probe_steps": 10,
    "final_steps": 400,
}


def test_the_final_trial_takes_everything_from_its_plan(planned):
    planned(**FINAL)
    _, optimizer = build(0.05)
    scheduler = BisectionLR.for_trial(optimizer, optuna.create_study().ask(), anneal_fraction=0.5)
    assert scheduler.get_last_lr() == [0.2]
    for i in range(300):
        scheduler.step(2.0 - 0.01 * i)
    assert max(entry.lr for entry in scheduler.history) == 1.0, "the bracket's end"
    assert lr_of(scheduler) < 1.0
    assert [e.step for e in scheduler.history if e.signal == "anneal"] == [200]


def test_the_final_trial_keeps_the_corrected_rate_until_a_long_anneal(planned):
    """The winner's own rate is right for a short run, and may ruin a long one at its start."""
    planned(**FINAL, lr=0.06)
    _, optimizer = build(0.05)
    scheduler = BisectionLR.for_trial(optimizer, optuna.create_study().ask(), feedback=False)
    rates = []
    for _ in range(400):
        rates.append(lr_of(scheduler))
        scheduler.step(1.0)
    assert rates[:201] == [0.06] * 201
    assert rates[300] == pytest.approx(0.03)
    assert rates[-1] < 0.001


def test_the_law_starts_at_the_winners_own_rate(planned):
    planned(**FINAL, lr=0.06)
    trial = optuna.create_study().ask()
    scheduler = BisectionLR.for_trial(build(0.05)[1], trial, decay="law", feedback=False)
    assert lr_of(scheduler) == 0.2
    for _ in range(200):
        scheduler.step(1.0)
    assert lr_of(scheduler) == pytest.approx(0.2 * (10 / 200) ** 0.32)


def test_the_plan_of_a_real_final_trial_starts_phase_2_at_its_own_rate():
    study = optuna.create_study(sampler=BisectionSampler(probe_steps=20, final_steps=400))
    study.enqueue_trial({"lr": 0.01})
    starts = []

    def objective(trial):
        lr = trial.suggest_float("lr", 1e-4, 1.0, log=True)
        starts.append((trial_plan(trial), lr_of(BisectionLR.for_trial(build(lr)[1], trial)), lr))
        trial.report(abs(math.log(lr / 0.01)), 19)
        return abs(math.log(lr / 0.01))

    study.optimize(objective, n_trials=30)
    plan, rate, lr = starts[-1]
    assert plan.is_final
    assert rate == plan.lr == lr < plan.start_lr


@pytest.mark.parametrize("role", ["probe", "surplus", None])
def test_any_other_trial_keeps_its_rate_and_judges_nothing(planned, role):
    planned(role=role, bracket=Bracket(0.01, 1.0), probe_steps=10, final_steps=400)
    model, optimizer = build(0.05, ratios=(1.0, 0.5))
    trial = optuna.create_study().ask()
    scheduler = BisectionLR.for_trial(optimizer, trial, restore=(model, optimizer), min_lr=0.1)
    assert not any(scheduler.step(loss) for loss in [1.0, math.nan, math.inf] * 20)
    assert scheduler.get_last_lr() == [0.05, 0.025]
    assert scheduler.history == []
    assert not scheduler.finished
    assert reload(scheduler.state_dict()) == scheduler.state_dict()


@pytest.mark.parametrize(
    "odd", [{"start_lr": 0.005}, {"start_lr": 2.0}, {"probe_steps": 500}, {"bracket": None}]
)
def test_what_the_sampler_wrote_never_fails(planned, odd):
    planned(**(FINAL | odd))
    scheduler = BisectionLR.for_trial(build()[1], optuna.create_study().ask())
    assert lr_of(scheduler) == odd.get("start_lr", 0.2)


def test_a_fixed_trial_trains_at_its_own_constant_rate():
    trial = optuna.trial.FixedTrial({"lr": 0.3})
    lr = trial.suggest_float("lr", 1e-5, 1.0, log=True)
    scheduler = BisectionLR.for_trial(build(lr)[1], trial)
    for i in range(200):
        scheduler.step(2.0 - 0.001 * i)
    assert lr_of(scheduler) == 0.3
    assert scheduler.history == []


def test_divergence_in_the_final_trial_prunes_it_with_its_verdict(planned):
    """Also before any report, and the study goes on."""
    planned(**FINAL)

    def objective(trial):
        scheduler = BisectionLR.for_trial(build()[1], trial)
        for _ in range(10):
            scheduler.step(math.nan)
        return 0.0

    study = optuna.create_study()
    study.optimize(objective, n_trials=2)
    for trial in study.trials:
        assert trial.state == optuna.trial.TrialState.PRUNED
        assert trial.user_attrs["bisect_verdict"] == "overshoot"
        assert "not finite" in trial.user_attrs["bisect_reason"]
        assert trial.user_attrs["bisect_confidence"] == 1.0


def test_the_exception_of_a_trial_is_both_kinds(planned):
    planned(**FINAL)
    scheduler = BisectionLR.for_trial(build()[1], optuna.create_study().ask(), interval_steps=1)
    with pytest.raises(Diverged) as caught:
        scheduler.step(math.nan)
    assert isinstance(caught.value, optuna.TrialPruned)
    assert isinstance(caught.value, FloatingPointError)
    assert pickle.loads(pickle.dumps(caught.value)).step == 1  # noqa: S301


def test_the_plan_is_read_by_the_public_function():
    assert adjuster.trial_plan is trial_plan
