"""The ends of the range, and derivatives at the points where formulas choose a branch."""

import numpy as np
import pytest

from relentropy import cross_entropy, entropy, kl_divergence, special
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


# --- derivatives through the formulas ---------------------------------------------------


def torch_gradients(function, *rows):
    torch = pytest.importorskip("torch")
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in rows]
    function(*tensors).sum().backward()
    return [x.grad.numpy() for x in tensors]


def test_a_masked_entry_leaves_the_gradients_of_its_row_alone():
    torch = pytest.importorskip("torch")
    mask = torch.tensor([True, True, False])
    masked = torch_gradients(
        lambda p, q: kl_divergence(p, q, where=mask), [0.5, 0.3, 0.2], [0.2, 0.5, 0.3]
    )
    alone = torch_gradients(kl_divergence, [0.5, 0.3], [0.2, 0.5])
    for got, expected in zip(masked, alone, strict=True):
        np.testing.assert_allclose(got, [*expected, 0.0], rtol=1e-14, atol=1e-16)


def test_an_entry_of_no_mass_on_both_sides_makes_no_nan_of_gradients():
    by_p, by_q = torch_gradients(kl_divergence, [0.5, 0.5, 0.0], [0.2, 0.8, 0.0])
    assert np.all(np.isfinite(by_p))
    np.testing.assert_allclose(by_q[:2], [-1.5, 0.375])


def test_rel_entr_has_its_derivatives_where_both_are_equal():
    by_x, by_y = torch_gradients(special.rel_entr, 0.5, 0.5)
    assert (by_x, by_y) == (1.0, -1.0)


def test_second_derivatives_at_equal_sides_are_the_fisher_matrix():
    torch = pytest.importorskip("torch")
    hessian = torch.autograd.functional.hessian
    w = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    fisher = np.diag(1 / w.numpy())
    terms = hessian(lambda q: special.rel_entr(w, q).sum(), w)
    np.testing.assert_allclose(terms.numpy(), fisher, rtol=1e-12, atol=1e-12)
    rows = hessian(lambda q: kl_divergence(w, q), w)
    np.testing.assert_allclose(rows.numpy(), fisher - 1, rtol=1e-12, atol=1e-12)
