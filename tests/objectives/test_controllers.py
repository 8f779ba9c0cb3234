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
    learned = torch.tensor(9.0, requires_grad=True) * 1
    strict = pytest.importorskip("array_api_strict")
    arrays = [np.float32(9), np.array(9.0), torch.tensor(9.0), learned, strict.asarray(9.0), 9]
    for kl in arrays:
        for n_steps in (10, np.int64(10), np.float32(10), torch.tensor(10), np.array(10)):
            controller = AdaptiveKLController(0.1, 6, 1000)
            assert type(controller.update(kl, n_steps)) is float
            assert controller.value == pytest.approx(0.1 * 1.002, rel=1e-15)
    made = AdaptiveKLController(torch.tensor(0.5), np.float32(6), np.array(1000))
    assert made == AdaptiveKLController(0.5, 6, 1000)
    assert {type(one) for one in made.state_dict().values()} == {float}
    assert type(FixedKLController(np.float32(0.5)).update(learned, 1)) is float


def test_controllers_are_equal_by_their_numbers():
    one = AdaptiveKLController(0.1, 6, 1000)
    assert one == AdaptiveKLController(0.1, 6, 1000)
    assert one != AdaptiveKLController(0.1, 7, 1000)
    assert FixedKLController(0.1) == FixedKLController(0.1)
    assert FixedKLController(0.1) != FixedKLController(0.2)
    assert one != FixedKLController(0.1)
    assert FixedKLController(0.1) != 0.1
    one.update(9.0, 10)
    assert one != AdaptiveKLController(0.1, 6, 1000)


STATE = {"value": 0.3, "target": 6.0, "horizon": 100.0}


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"horizon": -1}, ValueError, "horizon must be positive"),
        ({"target": "6"}, TypeError, "target must be a number"),
        ({"value": -0.5}, ValueError, "value must"),
        ({"value": float("nan")}, ValueError, "value must"),
        ({"value": True}, TypeError, "value must be a number"),
        ("value", ValueError, "the state has no 'value'; it must have"),
        (None, TypeError, "the state must be a dict"),
    ],
)
@pytest.mark.parametrize(
    "controller", [AdaptiveKLController(0.2, 5.0, 10.0), FixedKLController(0.2)]
)
def test_an_impossible_state_is_refused_and_the_old_one_survives(
    controller, changed, error, words
):
    state = {name: STATE[name] for name in controller.state_dict()}
    if isinstance(changed, dict):
        if not set(changed) <= set(state):
            pytest.skip("a number that it has not")
        state = {**state, **changed}
    else:
        state = None if changed is None else {k: v for k, v in state.items() if k != changed}
    before = controller.state_dict()
    for load in (controller.load_state_dict, type(controller).from_state_dict):
        with pytest.raises(error, match=words):
            load(state)
    assert controller.state_dict() == before


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
        (lambda: FixedKLController(-1.0), "value must not be negative"),
        (lambda: FixedKLController(float("nan")), "value"),
        (lambda: AdaptiveKLController(10**400, 6, 10), "value"),
        (lambda: AdaptiveKLController(0.1, 6, 10).update(6, float("nan")), "n_steps"),
        (lambda: AdaptiveKLController(0.1, 6, 10).update(6, 50), "n_steps"),
        (lambda: AdaptiveKLController(0.1, 6, 10).update(6, -1), "n_steps"),
    ],
)
def test_refusals_name_the_argument(make, name):
    with pytest.raises(ValueError, match=name):
        make()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: AdaptiveKLController("a", 6, 10), "value"),
        (lambda: AdaptiveKLController(0.1, None, 10), "target"),
        (lambda: AdaptiveKLController(0.1, 6, [10]), "horizon"),
        (lambda: FixedKLController("a"), "value"),
        (lambda: FixedKLController(True), "value"),
        (lambda: AdaptiveKLController(0.1, 6, 10).update("6", 5), "kl"),
        (lambda: AdaptiveKLController(0.1, 6, 10).update(np.ones(2), 5), "kl"),
        (lambda: AdaptiveKLController(0.1, 6, 10).update(6, "5"), "n_steps"),
        (lambda: AdaptiveKLController(0.1, 6, 10).update(6, np.True_), "n_steps"),
    ],
)
def test_what_is_no_number_is_named(make, name):
    with pytest.raises(TypeError, match=f"{name} must be a number or a 0-d array"):
        make()


def test_the_examples_do_what_they_say():
    failed, tried = doctest.testmod(controllers)
    assert tried >= 4
    assert failed == 0
