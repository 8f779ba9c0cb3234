"""Derivatives: digits, zeros at equality, second order."""

import numpy as np
import pytest

from relentropy._records import CLOSED_FORMS
from relentropy.testing import ulp_error

from ..suite.backends import BACKENDS
from .catalogue import FAMILIES, each
from .test_values import columns


def slope_errors(family, backend, dtype, rows):
    """Errors over condition numbers, in ulp, one row for each slope."""
    found = backend.pull(backend, family, [x.astype(dtype) for x in columns(rows)])
    truth = [family.slopes(row) for row in rows]
    errors = []
    limits = np.finfo(dtype)
    for i, slope in enumerate(found):
        assert slope.dtype.name == dtype
        exact = [one[i] for one, _ in truth]
        condition = np.array([float(kappa[i]) for _, kappa in truth])
        half = rows.shape[1] // 2
        equal = np.all(rows[:, :half] == rows[:, half:], axis=1)
        assert np.all(slope[equal] == 0)
        lost = [abs(one) < 8 * limits.tiny or abs(one) > limits.max for one in exact]
        error = ulp_error(slope, np.array(exact, dtype=object))
        errors.append(np.where(equal | np.array(lost), 0, error / condition))
    return np.stack(errors)


def check(family, backend, dtype, rows):
    error = slope_errors(family, backend, dtype, rows)
    exact = dtype == "float64" or not backend.has_float64
    bound = CLOSED_FORMS[family.function].slope_ulp["float64" if exact else "float32"]
    worst = np.unravel_index(int(np.argmax(error)), error.shape)
    assert error[worst] <= bound, (worst[0], rows[worst[1]])


@each
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_digit_in_torch(family, dtype):
    rows = family.rows(dtype, 2, many=3 if dtype == "float64" else 1)
    check(family, BACKENDS["torch"], dtype, rows[family.valid(rows)])


@pytest.mark.full
@each
def test_every_digit_of_many_in_torch(family):
    for seed in range(3, 8):
        rows = family.rows("float64", seed, many=12)
        check(family, BACKENDS["torch"], "float64", rows[family.valid(rows)])


@pytest.mark.parametrize("family", FAMILIES[:1], ids=lambda one: one.name)
@pytest.mark.parametrize("name", ["jax", "jax-x32"])
def test_every_digit_in_jax(family, name):
    backend = BACKENDS[name]
    with backend.active():
        dtype = backend.dtypes[-1]
        rows = family.rows(dtype, 2, many=2)
        check(family, backend, dtype, rows[family.valid(rows)])


@pytest.mark.full
@pytest.mark.parametrize("family", FAMILIES[1:], ids=lambda one: one.name)
@pytest.mark.parametrize("name", ["jax", "jax-x32"])
def test_every_digit_in_jax_with_every_family(family, name):
    test_every_digit_in_jax(family, name)


@each
def test_second_derivatives(family):
    torch = pytest.importorskip("torch")
    rows = [np.array(family.moderate[0])]
    half = rows[0].size // 2
    if family.smooth:
        rows.append(np.concatenate([rows[0][:half]] * 2))  # where a divergence is a square
    given = [torch.tensor(x, requires_grad=True) for x in np.stack(rows, axis=1)]
    torch.autograd.gradgradcheck(family, given, atol=1e-7, fast_mode=True)


@each
def test_what_is_masked_has_no_gradient(family):
    torch = pytest.importorskip("torch")
    row = family.moderate[0]
    given = [torch.tensor([x, x], dtype=torch.float64) for x in row]
    for one in given:
        one[1] = np.nan
        one.requires_grad_()
    value = family(*given, where=torch.tensor([True, False]))
    found = torch.autograd.grad(value.sum(), given)
    assert value[1] == 0
    assert value[0].item() == pytest.approx(float(family(*row)), rel=1e-15)
    for slope in found:
        assert slope[1] == 0
        assert torch.isfinite(slope[0])
