"""Categorical distributions are rows of `kl_divergence`, under the families' conventions."""

import numpy as np
import pytest
from mpmath import mp

from relentropy._records import CLOSED_FORMS
from relentropy.families import kl_categorical
from relentropy.testing import ulp_error

RECORD = CLOSED_FORMS["kl_categorical"]


def truth(p, q):
    with mp.workprec(400):
        p, q = ([mp.mpf(float(x)) for x in side] for side in (p, q))
        one, other = mp.fsum(p), mp.fsum(q)
        pairs = [(x / one, y / other) for x, y in zip(p, q, strict=True)]
        return mp.fsum(x * mp.log(x / y) for x, y in pairs)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_every_digit(dtype):
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 1, (20, 5)).astype(dtype)
    gaps = 10 ** rng.uniform(-9, 0, (20, 1))
    q = (p * (1 + gaps * rng.uniform(-0.5, 0.5, p.shape))).astype(dtype)
    got = kl_categorical(p, q)
    assert got.dtype == ("float64" if dtype == "float64" else "float32")
    exact = np.array([truth(*row) for row in zip(p, q, strict=True)], dtype=object)
    bound = RECORD.ulp["float64" if dtype == "float64" else "float32"]
    assert np.all(ulp_error(got, exact) <= bound)


def test_logits_masks_and_labels():
    weights = np.array([1.0, 2.0, 5.0]), np.array([2.0, 2.0, 3.0])
    expected = kl_categorical(*weights)
    logits = kl_categorical(*(np.log(x) for x in weights), from_logits=True)
    assert logits == pytest.approx(expected, rel=1e-14)
    mixed = kl_categorical(weights[0], np.log(weights[1]), from_logits=(False, True))
    assert mixed == pytest.approx(expected, rel=1e-14)
    padded = [np.append(x, np.nan) for x in weights]
    assert kl_categorical(*padded, where=np.array([True, True, True, False])) == expected
    assert kl_categorical([1.0, 0.0], [0.0, 1.0]) == np.inf
    assert np.isnan(kl_categorical([1.0, -1.0], [0.5, 0.5]))
    with pytest.raises(TypeError, match="class labels"):
        kl_categorical(np.array([1, 2]), np.ones((2, 3)))


def test_gradients_are_zero_where_equal():
    torch = pytest.importorskip("torch")
    p = torch.tensor([0.1, 0.3, 0.6], dtype=torch.float64, requires_grad=True)
    q = p.detach().clone().requires_grad_()
    for slope in torch.autograd.grad(kl_categorical(p, q), [p, q]):
        assert torch.all(slope == 0)
