"""The coefficients of the penalty."""

import doctest
import json

import numpy as np
import pytest

from relentropy.objectives import AdaptiveKLController, FixedKLController, controllers


@pytest.mark.parametrize(
    ("kl", "factor"),
    [
        (6.0, 1.0),
        (6.6, 1 + 0.1 * 0.025),
        (60.0, 1 + 0.2 * 0.025),
        (float("inf"), 1 + 0.2 * 0.025),
        (0.0, 1 - 0.2 * 0.025),
        (-1.0, 1 - 0.2 * 0.025),
    ],
)
def test_the_error_is_relative_and_clipped(kl, factor):
    controller = AdaptiveKLController(0.2, target=6.0, horizon=10_000)
    assert controller.update(kl, 250) == pytest.approx(0.2 * factor, rel=1e-14)
    assert controller.value == pytest.approx(0.2 * factor, rel=1e-14)


def test_it_finds_the_coefficient_that_keeps_the_target():
    controller = AdaptiveKLController(0.01, target=2.0, horizon=10)
    for _ in range(500):
        controller.update(0.6 / controller.value, n_steps=1)  # a policy's answer to it
    assert controller.value == pytest.approx(0.3, rel=1e-3)


def test_arrays_of_any_library_are_numbers():
    torch = pytest.importorskip("torch")
    for kl in (np.float32(9), np.array(9.0), torch.tensor(9.0)):
        assert type(AdaptiveKLController(0.1, 6, 1000).update(kl, 10)) is float


def test_a_nan_is_not_hidden():
    controller = AdaptiveKLController(0.1, 6.0, 1000)
    assert np.isnan(controller.update(float("nan"), 1))


@pytest.mark.parametrize(
    "controller", [AdaptiveKLController(0.3, 6.0, 1e4), FixedKLController(0.3)]
)
def test_the_state_goes_through_json(controller):
    controller.update(7.0, 64)
    state = json.loads(json.dumps(controller.state_dict()))
    again = type(controller).from_state_dict(state)
    assert again.state_dict() == controller.state_dict()
    assert again.update(5.0, 64) == controller.update(5.0, 64)
    assert repr(again) == repr(controller)


def test_a_fixed_one_stays():
    assert FixedKLController(0.0).update(9.0, 1) == 0.0
    assert FixedKLController(0.5).update(float("nan"), 1) == 0.5


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: AdaptiveKLController(0.0, 6, 10), "value"),
        (lambda: AdaptiveKLController(0.1, -6, 10), "target"),
        (lambda: AdaptiveKLController(0.1, 6, float("inf")), "horizon"),
        (lambda: FixedKLController(-1.0), "value"),
        (lambda: AdaptiveKLController(0.1, 6, 10).update(6, 50), "n_steps"),
        (lambda: AdaptiveKLController(0.1, 6, 10).update(6, -1), "n_steps"),
    ],
)
def test_refusals_name_the_argument(make, name):
    with pytest.raises(ValueError, match=name):
        make()


def test_the_examples_do_what_they_say():
    failed, tried = doctest.testmod(controllers)
    assert tried >= 4
    assert failed == 0
