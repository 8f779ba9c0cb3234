"""Every digit, from far apart to one step apart, in every library."""

import dataclasses
import itertools

import numpy as np
import pytest

from relentropy._records import CLOSED_FORMS
from relentropy.testing import ulp_error

from ..suite.backends import BACKENDS
from . import counting, locations
from .catalogue import FAMILIES, each

NAME = lambda one: one.name  # noqa: E731


def columns(rows):
    return [np.ascontiguousarray(x) for x in rows.T]


def errors(family, backend, dtype, rows):
    """Errors in ulp of the result's dtype, and the results."""
    given = [backend.make(x.astype(dtype)) for x in columns(rows)]
    got = backend.read(backend.wrap(family)(*given))
    assert got.dtype.name == ("float64" if dtype == "float64" else "float32")
    truth = [family.truth(row) for row in rows]
    largest = float(np.finfo(got.dtype).max)
    truth = [np.inf if one > largest else one for one in truth]
    tiny = float(np.finfo(got.dtype).tiny)
    error = ulp_error(got, np.array(truth, dtype=object))
    if backend.library == "jax":  # flushes what is not normal
        error = np.where([0 < one < tiny for one in truth], 0, error)
    return error, got


def check(family, backend, dtype, rows):
    record = CLOSED_FORMS[family.function]
    exact = dtype == "float64" or not backend.has_float64
    error, got = errors(family, backend, dtype, rows)
    worst = int(np.argmax(error))
    assert error[worst] <= record.ulp["float64" if exact else "float32"], rows[worst]
    assert np.all(got >= 0)
    half = rows.shape[1] // 2
    equal = np.all(rows[:, :half] == rows[:, half:], axis=1)
    assert np.all(got[equal] == 0)
    assert not np.any(np.signbit(got))


@each
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16", "float16"])
def test_every_digit(family, dtype):
    import ml_dtypes  # registers bfloat16

    assert ml_dtypes
    many = {"float64": 12, "float32": 6}.get(dtype, 2)
    rows = family.rows(dtype, many=many)
    check(family, BACKENDS["numpy"], dtype, rows[family.valid(rows)])


@pytest.mark.parametrize("family", [*locations.FAMILIES, *counting.FAMILIES], ids=NAME)
def test_the_ends_of_the_range(family):
    sizes = {
        "location": (0.0, 1e-300, -1e-150, 1.0, 1e150),
        "log": (-1400.0, -700.0, 0.0, 700.0),
        "logit": (-700.0, -40.0, 0.0, 700.0),
        "probability": (1e-300, 1e-20, 0.5, 1 - 2**-53),
    }
    values = [sizes.get(kind, (1e-300, 1e-150, 1.0, 1e150, 1e300)) for kind in family.kinds]
    rows = np.array(list(itertools.product(*values, *values)))
    rows = rows[family.valid(rows)]
    rng = np.random.default_rng(0)
    rows = rows[rng.permutation(len(rows))[:100]]
    family = dataclasses.replace(family, precision=4400)  # 1 beside squares of the smallest
    error, got = errors(family, BACKENDS["numpy"], "float64", rows)
    assert not np.any(np.isnan(got))
    tiny = np.array([0 < family.truth(row) < 1e-290 for row in rows])
    error = np.where(tiny, 0, error)
    worst, bound = int(np.argmax(error)), CLOSED_FORMS[family.function].ulp["float64"]
    assert error[worst] <= bound, rows[worst]


@pytest.mark.full
@each
def test_every_digit_of_many(family):
    for seed in range(1, 30):
        rows = family.rows("float64", seed, many=40)
        check(family, BACKENDS["numpy"], "float64", rows[family.valid(rows)])


LIBRARIES = ("torch", "strict-oldest", "strict-no-float64", "dask")


@each
@pytest.mark.parametrize("name", LIBRARIES)
def test_every_library(family, name):
    backend = BACKENDS[name]
    with backend.active():
        dtype = backend.dtypes[-1]
        rows = family.rows(dtype, 1, many=2)
        check(family, backend, dtype, rows[family.valid(rows)])


@pytest.mark.parametrize("name", ["jax-jit", "jax-x32"])
@pytest.mark.parametrize("family", FAMILIES[:2], ids=lambda one: one.name)
def test_jax(family, name):
    backend = BACKENDS[name]
    with backend.active():
        dtype = backend.dtypes[-1]
        rows = family.rows(dtype, 1, many=2)
        check(family, backend, dtype, rows[family.valid(rows)])


@pytest.mark.full
@pytest.mark.parametrize("name", ["jax-jit", "jax-x32"])
@pytest.mark.parametrize("family", FAMILIES[2:], ids=lambda one: one.name)
def test_jax_with_every_family(family, name):
    test_jax(family, name)
