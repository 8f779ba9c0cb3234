"""What peers get wrong about two outcomes, and what the forms of a distribution promise."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

import relentropy
from relentropy import binary_cross_entropy, binary_entropy, binary_kl_divergence

INF = math.inf


def test_far_apart_logits_in_float32():
    """Where torch's Bernoulli gives inf."""
    p, q = np.float32(90), np.float32(-90)
    value = binary_kl_divergence(p, q, from_logits=True)
    assert value == np.float32(90)
    assert value.dtype == np.float32


def test_close_and_nearly_certain_logits():
    """Where torch's Bernoulli gives -2.7e-18."""
    value = binary_kl_divergence(40.0, 41.0, from_logits=True)
    assert_allclose(value, 1.56288218933499e-18, rtol=1e-14)


def test_a_probability_that_rounds_to_one_beside_its_complement():
    kept = binary_kl_divergence(1.0, 1.0, p_complement=1e-20, q_complement=2e-20)
    assert_allclose(kept, 1e-20 * (1 - math.log(2)), rtol=1e-14)
    assert_allclose(binary_entropy(1.0, complement=1e-20), 4.705170185988092e-19, rtol=1e-15)
    assert binary_entropy(1.0) == 0


def test_the_forms_of_a_distribution_agree():
    p, q = 0.25, 0.875
    a, b = math.log(p / (1 - p)), math.log(q / (1 - q))
    for function in (binary_kl_divergence, binary_cross_entropy):
        value = function(p, q)
        rows = [[p, 1 - p], [q, 1 - q]]
        name = function.__name__.removeprefix("binary_")
        assert_allclose(value, getattr(relentropy, name)(*rows), rtol=1e-14)
        for other in (
            function(a, b, from_logits=True),
            function(a, q, from_logits=(True, False)),
            function(p, b, from_logits=(False, True)),
            function(p, q, p_complement=1 - p),
            function(1 - p, 1 - q, q_complement=q),
            function(p / 2, b, p_complement=(1 - p) / 2, from_logits=(False, True)),
        ):
            assert_allclose(other, value, rtol=1e-14)
    assert_allclose(binary_entropy(a, from_logits=True), binary_entropy(p), rtol=1e-14)


def test_a_base_divides():
    assert binary_entropy(0.5, base=2) == 1
    assert_allclose(binary_cross_entropy(1.0, 0.25, base=2), 2, rtol=1e-15)
    assert_allclose(binary_kl_divergence(1.0, 0.25, base=4), 1, rtol=1e-15)


def test_a_dtype_keeps_the_digits():
    p, q = np.float32(0.3), np.float32(0.7)
    value = binary_kl_divergence(p, q, dtype="float64")
    assert value.dtype == np.float64
    assert value == binary_kl_divergence(float(p), float(q))


@pytest.mark.parametrize(
    ("p", "q", "truth"),
    [
        (INF, INF, 0),
        (-INF, -INF, 0),
        (INF, -INF, INF),
        (0.0, INF, INF),
        (-INF, 0.0, math.log(2)),
    ],
)
def test_certain_logits(p, q, truth):
    assert_allclose(binary_kl_divergence(p, q, from_logits=True), truth, rtol=1e-15)


def test_tails_that_underflow():
    """Masses of exp(-1e4) are nothing, whatever they are multiplied with but infinity."""
    for p, q, truth in (
        (-1e4, -9e3, 0),
        (-1e4, -1e300, 0),
        (-1e4, 1e4, 1e4),
        (-1e4, -INF, INF),
    ):
        for sign in (1, -1):
            assert binary_kl_divergence(sign * p, sign * q, from_logits=True) == truth
    small = binary_kl_divergence(-760.0, -1e300, from_logits=True)
    assert_allclose(small, 8.5e-31, rtol=0.05)


def test_a_complement_of_a_logit_is_refused():
    with pytest.raises(TypeError, match="complement and from_logits"):
        binary_entropy(0.5, complement=0.5, from_logits=True)
    with pytest.raises(TypeError, match="q_complement and from_logits"):
        binary_kl_divergence(0.5, 0.5, q_complement=0.5, from_logits=(False, True))
    assert binary_kl_divergence(0.5, 0.0, p_complement=0.5, from_logits=(False, True)) == 0


def test_equal_distributions_have_no_gradient():
    torch = pytest.importorskip("torch")
    for values, options in (
        ([0.3, 1e-300, 1.0 - 2.0**-53], {}),
        ([-3.0, 0.0, 40.0, 900.0], {"from_logits": True}),
    ):
        p, q = (torch.tensor(values, dtype=torch.float64, requires_grad=True) for _ in range(2))
        value = binary_kl_divergence(p, q, **options)
        value.sum().backward()
        assert all((x == 0).all() for x in (value, p.grad, q.grad))
