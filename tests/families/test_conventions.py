"""What all closed forms have in common: zeros, domains, shapes, dtypes, libraries."""

import inspect

import numpy as np
import pytest

from relentropy import families
from relentropy._records import CLOSED_FORMS

from ..suite.backends import BACKENDS
from .catalogue import FAMILIES, each

OUTSIDE = {"scale": -1.0, "rate": -1.0, "shape": -1.0, "probability": 1.5}


def test_every_function_has_a_record_and_a_family():
    assert set(families.__all__) == {"kl", *CLOSED_FORMS}
    # Those along axes have tests of their own.
    along_axes = {"kl_categorical", "kl_dirichlet", "kl_multivariate_normal"}
    assert {one.function for one in FAMILIES} | along_axes == set(CLOSED_FORMS)


@pytest.mark.parametrize("record", CLOSED_FORMS.values(), ids=CLOSED_FORMS)
def test_every_docstring_states_the_bounds(record):
    text = " ".join(inspect.getdoc(getattr(families, record.name)).split())
    assert f"Errors are at most {record.ulp['float64']:g} ulp in float64" in text
    assert f"at most {record.slope_ulp['float64']:g} ulp off in float64" in text
    assert record.source


@each
def test_equal_parameters_are_exactly_zero(family):
    rows = family.rows("float64", 5, many=6)
    rows = rows[family.valid(rows)]
    half = rows.shape[1] // 2
    p = list(rows[:, :half].T)
    got = family(*p, *p)
    assert np.all(got == 0)
    assert not np.any(np.signbit(got))


@each
def test_values_never_raise(family):
    row = family.moderate[0]
    for i in range(len(row)):
        kind = family.kinds[i % len(family.kinds)]
        for bad in (np.nan, OUTSIDE.get(kind, np.nan)):
            given = list(row)
            given[i] = bad
            assert np.isnan(family(*given)), (i, bad)


@each
def test_shapes_and_types(family):
    row = family.moderate[0]
    one = family(*row)
    assert isinstance(one, np.float64)
    wide = [np.full((3, 1), row[0]), *(np.full(2, x) for x in row[1:])]
    assert family(*wide).shape == (3, 2)
    np.testing.assert_array_equal(family(*wide), np.full((3, 2), one))
    np.testing.assert_array_equal(family(*([x, x] for x in row)), [one, one])
    assert family(*(np.empty((0, 2)) for _ in row)).shape == (0, 2)
    assert family(*(np.float32(x) for x in row)).dtype == np.float32
    assert family(*(np.float16(x) for x in row)).dtype == np.float32
    assert family(*(np.float16(x) for x in row), dtype="float64").dtype == np.float64
    spread = [np.full(6, x)[::2] for x in row]
    for x in spread:
        x.flags.writeable = False
    np.testing.assert_array_equal(family(*spread), np.full(3, one))
    with pytest.raises(ValueError, match="broadcast"):
        family(np.full(3, row[0]), *(np.full(2, x) for x in row[1:]))
    with pytest.raises(TypeError, match="bool"):
        family(np.array(True), *row[1:])
    with pytest.raises(TypeError, match="complex"):
        family(np.array(1j), *row[1:])


@each
def test_masks(family):
    row = family.moderate[0]
    given = [np.array([x, np.nan]) for x in row]
    got = family(*given, where=np.array([True, False]))
    np.testing.assert_array_equal(got, [family(*row), 0])


@each
def test_libraries_do_not_mix(family):
    torch = pytest.importorskip("torch")
    row = family.moderate[0]
    with pytest.raises(TypeError, match="torch"):
        family(torch.tensor([row[0]]), *(np.array([x]) for x in row[1:]))
    assert family(torch.tensor([row[0]], dtype=torch.float64), *row[1:]).shape == (1,)


@each
def test_dask_stays_lazy(family):
    backend = BACKENDS["dask"]
    with backend.active():
        import dask

        def refuse(*_, **__):
            raise AssertionError("computed")

        with dask.config.set(scheduler=refuse):
            got = family(*(backend.make(np.full(4, x)) for x in family.moderate[0]))
        np.testing.assert_array_equal(
            backend.read(got), np.full(4, family(*family.moderate[0]))
        )


@pytest.mark.parametrize("family", FAMILIES[:1], ids=lambda one: one.name)
def test_torch_compiles_without_breaks(family):
    torch = pytest.importorskip("torch")
    torch.compiler.reset()  # all families share the code of __call__, and there is a limit
    compiled = torch.compile(family.__call__, fullgraph=True, backend="eager")
    row = family.moderate[0]
    given = [torch.tensor([x], dtype=torch.float64, requires_grad=True) for x in row]
    value = compiled(*given)
    assert torch.equal(value, family(*given))
    value.sum().backward()
    eager = torch.autograd.grad(family(*given).sum(), given)
    for x, slope in zip(given, eager, strict=True):
        assert torch.equal(x.grad, slope)


@pytest.mark.full
@pytest.mark.parametrize("family", FAMILIES[1:], ids=lambda one: one.name)
def test_torch_compiles_every_family(family):
    test_torch_compiles_without_breaks(family)


def test_torch_compiles_python_numbers_beside_tensors():
    """Also those of a default: the divergence of a variational autoencoder."""
    torch = pytest.importorskip("torch")

    def penalty(mean, log_variance):
        return families.kl_normal(mean, log_variance, scale="log_variance") + (
            families.kl_binomial(3, torch.sigmoid(mean), 0.5)
        )

    compiled = torch.compile(penalty, fullgraph=True, backend="eager")
    mean, log_variance = torch.tensor([0.5, -1.0]), torch.tensor([0.25, -2.0])
    assert torch.equal(compiled(mean, log_variance), penalty(mean, log_variance))


def test_numbers_do_not_widen_numpys_scalars():
    assert families.kl_normal(np.float32(1), np.float32(2)).dtype == np.float32
    assert families.kl_normal(np.float32(1), 2.0).dtype == np.float32
    assert families.kl_normal(1.0, 2.0).dtype == np.float64
