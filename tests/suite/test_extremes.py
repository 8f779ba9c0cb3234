"""The ends of the range."""

from contextlib import nullcontext
from functools import partial

import numpy as np
import pytest

from relentropy import cross_entropy, entropy, kl_divergence, special
from relentropy._engines import config
from relentropy.testing import ulp_error

from .backends import combinations


@pytest.mark.parametrize(("backend", "dtype"), combinations())
def test_logits_masked_by_the_lowest_number_are_like_masked_by_inf(backend, dtype):
    with backend.active():
        import ml_dtypes

        low = float(ml_dtypes.finfo(dtype).min)
        both = [np.array([*row, low], dtype=dtype) for row in ([1.0, 2.0], [-3.0, 2.5])]
        short = [row[:2] for row in both]
        for function, count in ((kl_divergence, 2), (cross_entropy, 2), (entropy, 1)):
            masked = function(*map(backend.make, both[:count]), from_logits=True)
            plain = function(*map(backend.make, short[:count]), from_logits=True)
            expected = backend.read(plain).astype(np.float64)
            assert np.all(ulp_error(backend.read(masked), expected) <= 4)


@pytest.mark.parametrize(("backend", "dtype"), combinations())
def test_a_student_masked_by_the_lowest_number_is_far_and_not_nan(backend, dtype):
    with backend.active():
        import ml_dtypes

        low = float(ml_dtypes.finfo(dtype).min)
        p, q = (np.array(row, dtype=dtype) for row in ([1.0, 2.0, 3.0], [-3.0, 2.5, low]))
        found = float(
            backend.read(kl_divergence(backend.make(p), backend.make(q), from_logits=True))
        )
        assert found == pytest.approx(-0.6652409557748219 * low, rel=1e-2)


@pytest.mark.parametrize("engine", [nullcontext, partial(config.using, "generic")])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_number_near_the_lowest_merges_with_tiles_far_from_it(engine, dtype):
    """A padded vocabulary, where the teacher has some mass."""
    low = float(np.finfo(dtype).min) / (1 if dtype == "float32" else 64)
    share = np.exp(9.0) / (np.exp(9.0) + 39_999)
    for place in (0, -1):
        p, q = np.zeros((2, 40_000), dtype)
        p[place], q[place] = 9.0, low
        with engine():
            found = float(kl_divergence(p, q, from_logits=True))
            assert found == pytest.approx(-share * low, rel=1e-6)
            # exp(9) times that is in neither range.
            assert kl_divergence(p, q, from_logits=True, normalize=False) == np.inf
            q[place] = -1e35 if dtype == "float32" else -1e200
            found = kl_divergence(p, q, from_logits=True, normalize=False, dtype="float64")
            assert found == pytest.approx(np.exp(9.0) * -float(q[place]), rel=1e-14)


def test_opposite_ends_of_the_range_are_certain():
    assert entropy([1e308, -1e308], from_logits=True) == 0
    assert cross_entropy([1e308, -1e308], [1e308, -1e308], from_logits=True) == 0


def test_a_subnormal_weight_keeps_its_digits_beside_a_large_log_ratio():
    found = kl_divergence([0.0, -730.0], [0.0, -1e300], from_logits=True)
    # exp(-730)*1e300 by mpmath
    assert ulp_error(found, 9.226313569122116e-18) <= 4


@pytest.mark.parametrize("b", [[1.0, -1.0], [2.0, -1.0]])
def test_infinite_terms_of_both_signs_sum_to_nan(b):
    value, sign = special.logsumexp([np.inf, np.inf], b=b, return_sign=True)
    assert np.isnan(value)
    assert np.isnan(sign)


def test_counts_keep_their_digits_where_dtype_asks_for_them():
    torch = pytest.importorskip("torch")
    p, q = torch.tensor([2**24 + 1, 2**24]), torch.tensor([2**24, 2**24])
    assert float(kl_divergence(p, q, dtype="float64")) == pytest.approx(4.44e-16, rel=1e-3)
