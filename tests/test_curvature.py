"""The sharpness is the largest eigenvalue of the whole Hessian; measuring it changes nothing."""

from __future__ import annotations

import subprocess
import sys

import optuna
import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev
from torch.nn.functional import cross_entropy, mse_loss

from optuna_bisect.curvature import sharpness

OPTIMIZERS = [torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad]


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def batch_of(n_classes: int = 3):
    return torch.randn(64, 6), torch.randint(0, n_classes, (64,))


def whole_hessian(model, loss_fn, inputs, targets):
    """Return the Hessian as a matrix: what Lanczos' method never builds."""
    weights = {name: w.detach() for name, w in model.named_parameters()}

    def loss_at(flat):
        parts = zip(weights.items(), flat.split([w.numel() for w in weights.values()]))
        shaped = {name: part.view_as(w) for (name, w), part in parts}
        return loss_fn(functional_call(model, shaped, (inputs,)), targets)

    flat = torch.cat([w.flatten() for w in weights.values()])
    return jacrev(jacrev(loss_at))(flat).double()


MODELS = {
    "relu": lambda: nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3)),
    "layer norm": lambda: nn.Sequential(
        nn.Linear(6, 12), nn.GELU(), nn.LayerNorm(12), nn.Linear(12, 3)
    ),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(16, 3)
    ),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("n_steps", [0, 100])
def test_it_is_within_a_thousandth_of_the_eigenvalue_of_the_whole_hessian(name, n_steps) -> None:
    model, (inputs, targets) = MODELS[name](), batch_of()
    optimizer = torch.optim.SGD(model.parameters(), 0.3)
    for _ in range(n_steps):
        optimizer.zero_grad()
        cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    exact = torch.linalg.eigvalsh(whole_hessian(model, cross_entropy, inputs, targets))[-1]
    found = sharpness(model, cross_entropy, (inputs, targets))
    assert found == pytest.approx(float(exact), rel=1e-3)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_with_an_optimizer_the_hessian_is_divided_as_its_gradients_are(kind) -> None:
    model, (inputs, targets) = MODELS["layer norm"](), batch_of()
    optimizer = kind(model.parameters(), 1e-2)
    for _ in range(5):
        optimizer.zero_grad()
        cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    before = [w.detach().clone() for w in model.parameters()]
    found = sharpness(model, cross_entropy, (inputs, targets), optimizer)
    assert all(torch.equal(w, b) for w, b in zip(model.parameters(), before))

    key = {"RMSprop": "square_avg", "Adagrad": "sum"}.get(kind.__name__, "exp_avg_sq")
    correction = 1 - 0.999**5 if key == "exp_avg_sq" else 1.0
    squares = torch.cat([optimizer.state[w][key].flatten() for w in model.parameters()])
    divisor = (squares.double() / correction).sqrt() + optimizer.defaults["eps"]
    plain = whole_hessian(model, cross_entropy, inputs, targets)
    exact = torch.linalg.eigvals(plain / divisor[:, None]).real.max()
    assert found == pytest.approx(float(exact), rel=2e-3)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize(("share", "is_stable"), [(0.98, True), (1.02, False)])
def test_descent_in_a_bowl_diverges_at_rates_above_the_edge_only(
    momentum, share, is_stable
) -> None:
    model, inputs = nn.Linear(4, 1), torch.randn(32, 4)
    targets = inputs.sum(1, keepdim=True)
    edge = 2 * (1 + momentum) / sharpness(model, mse_loss, (inputs, targets))
    optimizer = torch.optim.SGD(model.parameters(), share * edge, momentum=momentum)
    losses = []
    for _ in range(400):
        optimizer.zero_grad()
        loss = mse_loss(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert (losses[-1] < 1e-3 * losses[0]) == is_stable
    assert (not losses[-1] < 1e3 * losses[0]) == (not is_stable), "it grew, or is not a number"


def test_random_numbers_batch_norm_and_gradients_stay_as_they_were() -> None:
    model = nn.Sequential(
        nn.Linear(6, 32), nn.BatchNorm1d(32), nn.Dropout(0.5), nn.ReLU(), nn.Linear(32, 3)
    )
    batch = batch_of()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random_state = torch.get_rng_state()
    assert sharpness(model, cross_entropy, batch) > 0
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(w.grad is None for w in model.parameters())


def test_frozen_parameters_are_left_out_and_several_inputs_are_given() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(2, 1), nn.Linear(2, 1).requires_grad_(False)

        def forward(self, a, b):
            return self.first(a) + 100 * self.second(b)

    a, b, targets = torch.randn(20, 2), torch.randn(20, 2), torch.randn(20, 1)
    alone = sharpness(Sum().first, mse_loss, (a, targets))
    assert sharpness(Sum(), mse_loss, (a, b, targets)) == pytest.approx(alone, rel=1e-3)


def test_a_loss_without_curvature_has_none_and_a_hill_has_a_negative_one() -> None:
    inputs, targets = torch.randn(8, 2), torch.zeros(8, 1)
    assert sharpness(nn.Linear(2, 1), lambda out, _: out.mean(), (inputs, targets)) == 0
    hill = sharpness(
        nn.Linear(1, 1), lambda out, _: -out.square().mean(), (inputs[:, :1], targets)
    )
    assert hill < 0


def test_too_many_close_eigenvalues_are_said_with_the_error_left(monkeypatch, caplog) -> None:
    monkeypatch.setattr("optuna_bisect.curvature._MAX_PRODUCTS", 3)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sharpness(MODELS["relu"](), cross_entropy, batch_of())
    (record,) = caplog.records
    assert record.getMessage().startswith("The sharpness is ")


def test_an_optimizer_without_squares_is_refused() -> None:
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match="as Adam does after its first step, but got a SGD with"):
        sharpness(model, cross_entropy, batch_of(), optimizer)


@pytest.mark.parametrize("batch", [torch.ones(2, 2), (torch.ones(2, 2),)])
def test_a_batch_of_less_than_two_parts_is_refused(batch) -> None:
    with pytest.raises(ValueError, match=r"batch must be \(\*inputs, targets\) but got"):
        sharpness(nn.Linear(2, 2), cross_entropy, batch)


def test_a_model_without_parameters_and_a_loss_that_is_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="require a gradient but got none"):
        sharpness(nn.Flatten(), cross_entropy, batch_of())
    with pytest.raises(ValueError, match="finite curvature"):
        sharpness(nn.Linear(6, 3), lambda out, _: (out * torch.inf).square().sum(), batch_of())


def test_without_torch_the_error_names_the_extra() -> None:
    code = "import sys; sys.modules['torch'] = None; import optuna_bisect.curvature"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "pip install optuna_bisect[torch]" in done.stderr
