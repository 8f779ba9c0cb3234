"""Joint tables: what information obeys, axes by name, masks, and limits."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import relentropy
from relentropy import (
    conditional_entropy,
    conditional_mutual_information,
    entropy,
    joint_entropy,
    kl_divergence,
    mutual_information,
    normalized_mutual_information,
    pointwise_mutual_information,
    total_correlation,
    variation_of_information,
)
from relentropy.testing import assert_ulp

from ..oracle import evaluate
from .backends import BACKENDS
from .samples import TABLES, dtype_name, every, on, same_bits

FAST = ("numpy", "torch", "strict", "dask")
CHECKED = settings(max_examples=40, deadline=None)


def tables(*shape):
    """Tables of weights of very different sizes, zeros among them, none without mass."""
    weights = st.one_of(st.just(0.0), st.floats(1e-20, 1e20), st.floats(0.5, 2.0))
    return arrays(np.float64, shape, elements=weights).filter(lambda t: t.sum() > 0)


def along(call, shape, *, first=0):
    """The arguments that name all axes of a table, from the first on."""
    axes = tuple(range(first, first + len(shape)))
    return {
        "joint_entropy": {"axis": axes},
        "total_correlation": {"axes": axes},
        "conditional_entropy": {"x_axis": axes[0], "given_axis": axes[1]},
        "conditional_mutual_information": dict(
            zip(("x_axis", "y_axis", "z_axis"), axes, strict=False)
        ),
    }.get(call.record.name, {"x_axis": axes[0], "y_axis": axes[1]})


def shape_of(call):
    return (2, 3, 2) if call.record.name == "conditional_mutual_information" else (2, 3)


def total(x):
    return np.sum(np.atleast_1d(x))


# --- identities --------------------------------------------------------------------------


@CHECKED
@given(tables(3, 4))
def test_information_is_symmetric(table):
    assert_ulp(mutual_information(table), mutual_information(table.T), 8)


@CHECKED
@given(tables(3, 2, 3))
def test_the_chain_rule_of_information(table):
    both = mutual_information(table, x_axis=0, y_axis=(1, 2))
    one = mutual_information(table.sum(1), x_axis=0, y_axis=1)
    other = conditional_mutual_information(table, x_axis=0, y_axis=1, z_axis=2)
    np.testing.assert_allclose(both, one + other, rtol=1e-13, atol=1e-14)


@CHECKED
@given(tables(3, 4))
def test_information_is_what_knowing_takes_off_an_entropy(table):
    left = entropy(table.sum(1)) - conditional_entropy(table)
    np.testing.assert_allclose(mutual_information(table), left, rtol=1e-12, atol=1e-14)
    together = entropy(table.sum(0)) + conditional_entropy(table)
    np.testing.assert_allclose(joint_entropy(table), together, rtol=1e-12, atol=1e-14)


@CHECKED
@given(tables(4, 4))
def test_merging_outcomes_loses_information(table):
    merged = np.stack([table[0] + table[1], table[2], table[3]])
    assert mutual_information(merged) <= mutual_information(table) * (1 + 1e-14) + 1e-30


@CHECKED
@given(tables(2, 3, 3))
def test_variation_of_information_is_a_distance(table):
    xy, yz, xz = (variation_of_information(table.sum(axis)) for axis in (2, 0, 1))
    assert xz <= (xy + yz) * (1 + 1e-12) + 1e-14
    assert_ulp(xy, variation_of_information(table.sum(2).T), 8)
    parts = conditional_entropy(table.sum(2)) + conditional_entropy(table.sum(2).T)
    assert_ulp(xy, parts, 8)


@CHECKED
@given(tables(2, 3, 2))
def test_total_correlation_is_the_information_of_one_after_the_other(table):
    parts = mutual_information(table.sum(2)) + mutual_information(
        table, x_axis=(0, 1), y_axis=2
    )
    np.testing.assert_allclose(total_correlation(table), parts, rtol=1e-13, atol=1e-14)


@CHECKED
@given(tables(3, 4))
def test_information_is_the_mean_of_pointwise_information(table):
    p = table / table.sum()
    logs = pointwise_mutual_information(table)
    mean = np.sum(p * np.where(p > 0, logs, 0.0))
    np.testing.assert_allclose(mean, mutual_information(table), rtol=1e-9, atol=1e-14)


def test_information_is_a_divergence():
    rng = np.random.default_rng(5)
    table = rng.uniform(size=(6, 3, 4))
    product = table.sum(2, keepdims=True) * table.sum(1, keepdims=True)
    expected = kl_divergence(table, product, axis=(1, 2))
    np.testing.assert_allclose(mutual_information(table), expected, rtol=1e-12)


def test_shares_are_between_none_and_all():
    rng = np.random.default_rng(6)
    table = rng.uniform(size=(50, 3, 4)) ** 8
    shares = {
        average: normalized_mutual_information(table, average=average)
        for average in ("joint", "max", "arithmetic", "geometric", "min")
    }
    assert (shares["joint"] > 0).all()
    assert (shares["min"] <= 1).all()
    ordered = [shares[k] for k in ("max", "arithmetic", "geometric", "min")]
    for lower, upper in itertools.pairwise(ordered):
        assert (lower <= upper * (1 + 1e-14)).all()


# --- axes, dtypes, libraries ---------------------------------------------------------------


@on(*FAST)
@every(TABLES)
def test_axes_by_name_stand_anywhere(call, backend):
    with backend.active():
        shape = shape_of(call)
        (table,) = call.draw(5, *shape)
        plain = backend.read(call(backend.make(table), **along(call, shape, first=1)))
        moved = np.moveaxis(table, 0, -1)
        found = backend.read(call(backend.make(moved), **along(call, shape)))
        found = np.moveaxis(found, -1, 0) if found.ndim > 1 else found
        np.testing.assert_allclose(found, plain, rtol=1e-14)
        assert found.shape[0] == 5


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@on("numpy", "torch", "strict")
@every(TABLES)
def test_results_keep_library_and_dtype(call, backend, dtype):
    with backend.active():
        if dtype not in backend.dtypes:
            pytest.skip("the library lacks it")
        shape = shape_of(call)
        table = backend.make(call.draw(*shape, dtype=dtype)[0])
        result = call(table, **along(call, shape))
        assert dtype_name(result) == dtype
        wide = call(table, **along(call, shape), dtype="float64")
        assert dtype_name(wide) == "float64"
        narrow = backend.read(wide).astype(backend.read(result).dtype)
        assert same_bits(backend.read(result)[()], narrow[()])


@every([call for call in TABLES if not call.name.startswith("pointwise")])
def test_keepdims_keeps_the_reduced_axes(call):
    shape = shape_of(call)
    (table,) = call.draw(4, *shape)
    axes = along(call, shape, first=1)
    kept = call(table, **axes, keepdims=True)
    assert kept.shape == (4, *(1,) * len(shape))
    assert same_bits(kept.reshape(4), call(table, **axes))


@every([call for call in TABLES if not call.name.startswith("normalized")])
def test_bits_are_nats_over_log_2(call):
    shape = shape_of(call)
    (table,) = call.draw(*shape)
    nats, bits = (call(table, **along(call, shape), base=base) for base in (None, 2))
    np.testing.assert_allclose(bits, nats / np.log(2), rtol=1e-14)


@every([call for call in TABLES if call.name.endswith("weights")])
def test_counts_and_lists_will_do(call):
    shape = shape_of(call)
    counts = np.arange(1, 1 + np.prod(shape)).reshape(shape) ** 2
    expected = call(counts.astype(float), **along(call, shape))
    assert same_bits(call(counts, **along(call, shape)), expected)
    assert same_bits(call(counts.tolist(), **along(call, shape)), expected)


@every(TABLES)
def test_lazy_arrays_are_not_computed(call):
    dask = pytest.importorskip("dask")
    da = pytest.importorskip("dask.array")

    def refuse(*args, **kwargs):
        raise AssertionError("computed")

    shape = shape_of(call)
    (table,) = call.draw(*shape)
    with dask.config.set(scheduler=refuse):
        lazy = call(da.from_array(table, chunks=1), **along(call, shape))
    np.testing.assert_allclose(
        lazy.compute(scheduler="synchronous"), call(table, **along(call, shape)), rtol=1e-14
    )


@pytest.mark.parametrize("from_logits", [False, True])
def test_tables_that_are_merged_from_tiles(from_logits):
    rng = np.random.default_rng(8)
    table = 1e-3 * rng.normal(size=(130, 140))
    table = table if from_logits else np.exp(table)
    truth = evaluate(
        "mutual_information", table.reshape(-1), shape=table.shape, from_logits=from_logits
    )
    assert_ulp(mutual_information(table, from_logits=from_logits), truth, 4)


# --- masks and limits -----------------------------------------------------------------------


@on(*FAST)
@every(TABLES)
def test_what_is_left_out_has_no_mass(call, backend):
    with backend.active():
        shape = shape_of(call)
        (table,) = call.draw(*shape)
        mask = np.arange(table.size).reshape(shape) % 3 != 0
        blank = -np.inf if call.options else 0.0
        spoilt = np.where(mask, table, np.nan)
        named = along(call, shape)
        found = call(backend.make(spoilt), **named, where=backend.make(mask))
        expected = call(np.where(mask, table, blank), **named)
        if call.name.startswith("pointwise"):
            expected = np.where(mask, expected, 0.0)
        np.testing.assert_allclose(backend.read(found), expected, rtol=1e-14)
        nothing = call(backend.make(table), **named, where=backend.make(mask & ~mask))
        assert (backend.read(nothing) == 0).all()


@every(TABLES)
def test_what_is_no_table_is_nan(call):
    shape = shape_of(call)
    for entry in (np.nan, np.inf, *(() if call.options else (-1.0,))):
        (table,) = call.draw(*shape)
        table[(0,) * len(shape)] = entry
        assert np.isnan(call(table, **along(call, shape))).all()
    blank = np.full(shape, -np.inf if call.options else 0.0)
    assert np.isnan(call(blank, **along(call, shape))).all()


@every([call for call in TABLES if not call.name.startswith("pointwise")])
def test_no_outcomes_tell_nothing(call):
    shape = shape_of(call)
    empty = np.zeros((0, *shape[1:]))
    assert call(empty, **along(call, shape)) == 0


def test_nothing_to_know():
    one = np.array([[0.0, 2.0], [0.0, 0.0]])
    half = np.array([[1.0, 2.0], [0.0, 0.0]])
    for average in ("arithmetic", "geometric", "min", "max", "joint"):
        assert normalized_mutual_information(one, average=average) == 1
        assert normalized_mutual_information(half, average=average) == 0


def test_information_at_the_edges_of_a_table():
    impossible = pointwise_mutual_information(np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert same_bits(impossible, np.zeros((2, 2)))
    certain = pointwise_mutual_information(np.array([[1.0, 0.0], [0.0, 1.0]]), base=2)
    assert same_bits(certain, np.array([[1.0, -np.inf], [-np.inf, 1.0]]))


@every([c for c in TABLES if c.name.startswith(("mutual", "conditional_mutual", "total"))])
def test_independent_tables_have_no_information_and_no_gradient(call):
    torch = pytest.importorskip("torch")
    shape = shape_of(call)
    for outcome in (1.0, 3.0):
        table = torch.full(shape, outcome, dtype=torch.float64)
        table[0] *= 5
        table = (table.log2().round() if call.options else table).requires_grad_()
        value = call(table, **along(call, shape))
        value.backward()
        assert value == 0
        assert (table.grad == 0).all()


def test_gradients_at_outcomes_that_never_were():
    torch = pytest.importorskip("torch")
    table = torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.0, 3.0]], dtype=torch.float64)
    table.requires_grad_()
    mutual_information(table).backward()
    # Alone in its row, told by its column; alone in both, told for certain.
    expected = np.array([[np.inf, np.log(4) / 4, np.log(4 / 3) / 4], [0.0, 0.0, 0.0]])
    assert_ulp(table.grad.numpy(), expected, 6)


@pytest.mark.parametrize("from_logits", [False, True])
def test_second_derivatives(from_logits):
    torch = pytest.importorskip("torch")
    table = torch.rand(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    table = (table + 0.5).requires_grad_()

    def information(x):
        return mutual_information(x, from_logits=from_logits)

    assert torch.autograd.gradcheck(information, (table,))
    assert torch.autograd.gradgradcheck(information, (table,))


@pytest.mark.full
@every(TABLES)
def test_jit_and_its_gradient(call):
    jax = pytest.importorskip("jax")
    shape = shape_of(call)
    backend = BACKENDS["jax"]
    with backend.active():
        (table,) = call.draw(*shape)
        x = backend.make(table)

        def value(t):
            return call(t, **along(call, shape)).sum()

        np.testing.assert_allclose(
            jax.jit(value)(x), total(call(table, **along(call, shape))), rtol=1e-13
        )
        torch = pytest.importorskip("torch")
        t = torch.tensor(table, requires_grad=True)
        value(t).backward()
        np.testing.assert_allclose(jax.jit(jax.grad(value))(x), t.grad, rtol=1e-11, atol=1e-15)


# --- refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("mutual_information", {"x_axis": -1}, ValueError, "x_axis and y_axis both name"),
        ("mutual_information", {"x_axis": None}, TypeError, "x_axis must be an integer"),
        ("mutual_information", {"x_axis": 5}, ValueError, "out of bounds"),
        ("mutual_information", {"base": 1}, ValueError, "base"),
        ("mutual_information", {"from_logits": (True, False)}, TypeError, "from_logits"),
        ("mutual_information", {"where": np.ones((3, 3), bool)}, ValueError, "where"),
        ("conditional_entropy", {"given_axis": -2}, ValueError, "x_axis and given_axis"),
        ("total_correlation", {"axes": (0,)}, ValueError, "two variables at least"),
        ("total_correlation", {"axes": 0}, TypeError, "axes must be a tuple"),
        ("normalized_mutual_information", {"average": "mean"}, ValueError, "average must be"),
    ],
)
def test_refusals_name_the_argument(name, options, error, message):
    with pytest.raises(error, match=message):
        getattr(relentropy, name)(np.ones((2, 2)), **options)
