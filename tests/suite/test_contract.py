"""What every public function keeps of its arguments: library, device, dtype, shape, layout."""

import inspect

import numpy as np
import pytest

from relentropy import entropy, kl_divergence, relative_entropy, special
from relentropy.testing import assert_ulp

from .backends import BACKENDS, DTYPES
from .samples import (
    BINARY,
    CALLS,
    MASKED,
    REDUCTIONS,
    ROWS,
    across,
    call_named,
    dtype_name,
    every,
    numpy_dtype,
    on,
    same_bits,
)

LIBRARIES = ("numpy", "torch", "torch-cuda", "jax", "strict", "strict-device", "dask")
QUICK = ("numpy", "torch", "strict")


def device_of(array):
    return str(getattr(array, "device", None))


# --- library, device, dtype --------------------------------------------------------------


@on(*LIBRARIES)
@every(CALLS)
def test_results_keep_library_device_and_dtype(call, backend):
    with backend.active():
        # What jax's other dtypes become, their tables of values already tell.
        for dtype in ("float32",) if backend.library == "jax" else backend.dtypes:
            operands = [backend.make(x) for x in call.draw(2, 3, dtype=dtype)]
            result = call.rows(*operands)
            assert type(result) is type(operands[0])
            assert dtype_name(result) == dtype
            assert device_of(result) == device_of(operands[0])
            assert tuple(result.shape) == ((2,) if call.kind == "reduction" else (2, 3))


@across(CALLS, *LIBRARIES)
def test_zero_dimensional_results_are_what_the_library_returns(call, backend):
    with backend.active():
        dtype = "float32"
        operands = [backend.make(x) for x in call.draw(dtype=dtype)]
        result = call(*operands) if call.kind == "elementwise" else call(*operands, axis=None)
        if backend.library == "numpy":
            assert type(result) is np.float32
        else:
            assert type(result) is type(operands[0])
        assert tuple(result.shape) == ()
        assert dtype_name(result) == dtype


@pytest.mark.parametrize("dtype", DTYPES)
@every(REDUCTIONS)
def test_a_single_numpy_row_gives_a_numpy_scalar(call, dtype):
    result = call.rows(*call.draw(4, dtype=dtype))
    assert type(result) is np.dtype(numpy_dtype(dtype)).type


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        ("float16", "bfloat16", "float32"),
        ("float16", "float32", "float32"),
        ("bfloat16", "float32", "float32"),
        ("float32", "float64", "float64"),
        ("bfloat16", "float64", "float64"),
        ("int64", "float16", "float16"),
        ("int32", "bfloat16", "bfloat16"),
        ("uint8", "float32", "float32"),
        ("int64", "float64", "float64"),
    ],
)
@across(
    [call_named(name) for name in ("kl_divergence-weights", "logaddexp")],
    "numpy",
    "torch",
    "dask",
)
def test_operands_promote_within_their_kind(call, one, other, result, backend):
    x = np.array([[1, 2, 3], [4, 1, 1]])
    y = np.array([[2, 1, 3], [1, 1, 5]])
    with backend.active():
        x, y = (
            backend.make(v.astype(numpy_dtype(dtype))) for v, dtype in ((x, one), (y, other))
        )
        assert dtype_name(call.rows(x, y)) == result
        assert dtype_name(call.rows(y, x)) == result


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [
        ("float16", "bfloat16", "float32"),
        ("float32", "float64", "float64"),
        ("int64", "float16", "float16"),
    ],
)
def test_operands_promote_within_their_kind_under_jax(one, other, result):
    jax = pytest.importorskip("jax")
    with BACKENDS["jax"].active():
        x, y = (jax.ShapeDtypeStruct((2, 3), numpy_dtype(dtype)) for dtype in (one, other))
        assert dtype_name(jax.eval_shape(kl_divergence, x, y)) == result
        assert dtype_name(jax.eval_shape(special.logaddexp, y, x)) == result


@pytest.mark.parametrize(("one", "other"), [("float16", "float32"), ("float32", "float64")])
@every(BINARY)
def test_a_promoted_operand_counts_as_widened(call, one, other):
    x, y = call.draw(2, 3, dtype=one)
    wide = y.astype(other)
    assert same_bits(call.rows(x, wide), call.rows(x.astype(other), wide))


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8"])
@across(
    [call_named(name) for name in ("entropy-weights", "kl_div", "softmax", "logsumexp")],
    "numpy",
    "torch",
    "jax",
    "jax-x32",
    "strict",
    "strict-device",
    "strict-no-float64",
    "dask",
)
def test_integers_alone_give_the_default_float(call, dtype, backend):
    with backend.active():
        if backend.name == "jax-x32" and dtype == "int64":
            pytest.skip("jax has no int64 with x64 off")
        operands = [backend.make(np.ones((2, 3), dtype)) for _ in call.kinds]
        expected = {"torch": "float32", "jax": "float64"}.get(backend.library, "float64")
        expected = expected if backend.has_float64 else "float32"
        assert dtype_name(call.rows(*operands)) == expected


def test_torch_default_dtype_decides_for_integers():
    torch = pytest.importorskip("torch")
    kept = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        assert entropy(torch.tensor([1, 2, 3])).dtype == torch.float64
    finally:
        torch.set_default_dtype(kept)


@every(MASKED)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtype_keeps_the_digits_that_rounding_drops(call, dtype):
    operands = call.draw(5, 7, dtype=dtype)
    wide = call(*operands, dtype="float64")
    assert wide.dtype == np.float64
    truth = call(*(x.astype(np.float64) for x in operands))
    np.testing.assert_allclose(wide, truth, rtol=1e-7 if dtype == "float32" else 1e-6)
    assert_ulp(call(*operands), wide, 0.5 + 1e-6)
    assert not same_bits(wide, call(*operands).astype(np.float64))


@on("numpy", "torch", "jax", "strict", "dask")
def test_dtype_is_a_name_or_any_librarys_dtype(backend):
    with backend.active():
        p = backend.make(np.array([0.25, 0.75], dtype=np.float32))
        own = (backend.make(np.zeros(1))).dtype
        for wanted in ("float64", np.float64, np.dtype("float64"), own, float):
            assert dtype_name(entropy(p, dtype=wanted)) == "float64"


@pytest.mark.parametrize("dtype", ["int32", "complex64", "float8", bool, int, "longdouble", 3])
def test_dtype_that_is_no_supported_float_raises(dtype):
    with pytest.raises(TypeError, match="dtype"):
        entropy(np.ones(3), dtype=dtype)


@pytest.mark.parametrize("name", ["jax-x32", "strict-no-float64"])
def test_dtype_float64_raises_where_there_is_none(name):
    with BACKENDS[name].active():
        p = BACKENDS[name].make(np.ones(3, np.float32))
        with pytest.raises(TypeError, match="float64"):
            entropy(p, dtype="float64")


# --- numbers and lists beside arrays -----------------------------------------------------


@on("numpy", "torch", "jax", "strict", "dask")
@pytest.mark.parametrize("loose", [2.0, 2, np.float64(2.0), np.int64(2)], ids=repr)
def test_a_number_beside_an_array_takes_its_dtype(loose, backend):
    with backend.active():
        dtype = backend.dtypes[0]
        y = backend.make(np.array([1.5, 2.0, 0.5]).astype(numpy_dtype(dtype)))
        for result in (special.rel_entr(loose, y), special.rel_entr(y, loose)):
            assert type(result) is type(y)
            assert dtype_name(result) == dtype
            assert device_of(result) == device_of(y)


@on("numpy", "torch", "jax", "strict", "dask")
@every([call_named("kl_divergence-weights"), call_named("kl_divergence-logits")])
def test_a_list_beside_an_array_takes_its_dtype(call, backend):
    with backend.active():
        dtype = backend.dtypes[0]
        p, q = call.draw(3, dtype=dtype)
        loose = [float(v) for v in p]
        result = call(loose, backend.make(q))
        assert dtype_name(result) == dtype
        expected = call(backend.make(p), backend.make(q))
        assert same_bits(backend.read(result), backend.read(expected))


@every(CALLS)
def test_lists_alone_become_numpy_arrays(call):
    operands = call.draw(2, 3)
    result = call.rows(*(x.tolist() for x in operands))
    assert type(result) is np.ndarray
    assert same_bits(result, call.rows(*operands))


@every([call for call in CALLS if call.kind == "elementwise"])
def test_numbers_alone_give_a_numpy_scalar(call):
    result = call(*(float(x) for x in call.draw()))
    assert type(result) is np.float64


def test_lists_of_integers_give_float64():
    assert entropy([1, 1]).dtype == np.float64
    assert kl_divergence([1, 1], [1, 2]).dtype == np.float64
    assert entropy([]).dtype == np.float64


# --- shapes and axes ---------------------------------------------------------------------


def rows_last(array, axes):
    """The axes moved to the end, in order, and made one."""
    kept = [i for i in range(array.ndim) if i not in axes]
    moved = array.transpose(*kept, *sorted(axes))
    return moved.reshape(*(array.shape[i] for i in kept), -1)


@on(*QUICK)
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3, (0, 2), (2, 0), (-1, 1), (0, 1, 2), None])
@every(REDUCTIONS)
def test_any_axes_are_the_last_axis_after_a_move(call, axis, backend):
    operands = call.draw(2, 4, 3, dtype="float32")
    axes = tuple(range(3)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = {i % 3 for i in axes}
    expected = np.asarray(call.rows(*(rows_last(x, axes) for x in operands)))
    with backend.active():
        arrays = [backend.make(x) for x in operands]
        assert same_bits(backend.read(call(*arrays, axis=axis)), expected)
        kept = backend.read(call(*arrays, axis=axis, keepdims=True))
    shape = tuple(1 if i in axes else n for i, n in enumerate((2, 4, 3)))
    assert same_bits(kept, expected.reshape(shape))


@on(*QUICK)
@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), (2, 0), None])
@every([call for call in ROWS if call.kind == "map"])
def test_maps_keep_the_shape_for_any_axes(call, axis, backend):
    arrays = call.draw(2, 4, 3, dtype="float32")
    axes = tuple(range(3)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = sorted(i % 3 for i in axes)
    kept = [i for i in range(3) if i not in axes]
    order = kept + axes
    moved = call.rows(*(rows_last(x, axes) for x in arrays))
    moved = moved.reshape([arrays[0].shape[i] for i in order])
    with backend.active():
        result = backend.read(call(*map(backend.make, arrays), axis=axis))
    assert same_bits(result, moved.transpose([order.index(i) for i in range(3)]))


def test_one_axis_of_jax_arrays_is_the_last_axis_after_a_move():
    backend = BACKENDS["jax"]
    call = call_named("kl_divergence-logits")
    operands = call.draw(2, 4, 3, dtype="float32")
    expected = call.rows(*(rows_last(x, {0, 2}) for x in operands))
    with backend.active():
        result = call(*(backend.make(x) for x in operands), axis=(2, 0), keepdims=True)
        assert same_bits(backend.read(result), expected.reshape(1, 4, 1))


@across(ROWS, *LIBRARIES)
def test_a_single_number_is_a_distribution_with_axis_none(call, backend):
    with backend.active():
        operands = call.draw(dtype="float32")
        result = backend.read(call(*(backend.make(x) for x in operands), axis=None))
        expected = np.asarray(call.rows(*(x.reshape(1) for x in operands)))
        np.testing.assert_allclose(result, expected.reshape(()), rtol=1e-6)


@every(ROWS)
def test_a_single_number_has_no_last_axis(call):
    with pytest.raises(ValueError, match="axis=None"):
        call(*call.draw(), axis=-1)


@across(REDUCTIONS, *LIBRARIES)
def test_an_empty_row_sums_to_nothing(call, backend):
    with backend.active():
        operands = [backend.make(x) for x in call.draw(3, 0, dtype="float32")]
        result = backend.read(call.rows(*operands))
        nothing = -np.inf if call.record.name == "logsumexp" else 0.0
        assert same_bits(result, np.full(3, nothing, np.float32))


@across(CALLS, *LIBRARIES)
def test_no_rows_give_no_results(call, backend):
    with backend.active():
        operands = [backend.make(x) for x in call.draw(0, 3, dtype="float32")]
        result = call.rows(*operands)
        assert type(result) is type(operands[0])
        assert tuple(result.shape) == ((0,) if call.kind == "reduction" else (0, 3))
        assert dtype_name(result) == "float32"


@every([call for call in ROWS if call.kind == "map"])
def test_maps_of_empty_rows_are_empty(call):
    assert call.rows(*[np.ones((3, 0))] * len(call.kinds)).shape == (3, 0)


@on(*QUICK)
@pytest.mark.parametrize(
    ("one", "other"),
    [((1, 4), (3, 4)), ((4,), (3, 4)), ((3, 1, 4), (2, 4)), ((3, 4), (4,)), ((3, 4), (1, 4))],
)
@every(BINARY)
def test_other_axes_broadcast(call, one, other, backend):
    x, y = call.draw(*one, dtype="float32")[0], call.draw(*other, dtype="float32")[1]
    shape = np.broadcast_shapes(one, other)
    expected = call.rows(*(np.array(np.broadcast_to(v, shape)) for v in (x, y)))
    with backend.active():
        result = backend.read(call.rows(backend.make(x), backend.make(y)))
    assert same_bits(result, expected)


@on(*QUICK)
@pytest.mark.parametrize(
    ("one", "other"), [((3, 4), (3, 5)), ((3, 4), (3, 1)), ((1,), (4,)), ((4,), (3, 5))]
)
@every([call for call in BINARY if call.has_mask])
def test_sizes_along_the_axis_must_match(call, one, other, backend):
    x, y = call.draw(*one, dtype="float32")[0], call.draw(*other, dtype="float32")[1]
    with backend.active(), pytest.raises(ValueError, match="shape") as caught:
        call.rows(backend.make(x), backend.make(y))
    message = str(caught.value)
    assert f"p has shape {one}" in message
    assert f"q has shape {other}" in message


@every(BINARY)
def test_shapes_that_do_not_broadcast_raise_with_both(call):
    x, y = call.draw(3, 4)[0], call.draw(2, 4)[1]
    one, other = call.names
    with pytest.raises(ValueError, match="broadcast") as caught:
        call.rows(x, y)
    assert f"{one} has shape (3, 4)" in str(caught.value)
    assert f"{other} has shape (2, 4)" in str(caught.value)


@pytest.mark.parametrize("axis", [2, -3, (0, 2)])
@every(ROWS)
def test_axes_out_of_bounds_raise(call, axis):
    with pytest.raises(ValueError, match="out of bounds"):
        call(*call.draw(2, 3), axis=axis)


@pytest.mark.parametrize("axis", [(0, 0), (1, -1)])
@every(ROWS)
def test_an_axis_named_twice_raises(call, axis):
    with pytest.raises(ValueError, match="twice"):
        call(*call.draw(2, 3), axis=axis)


@pytest.mark.parametrize("axis", [1.0, "last", True, (0, 1.0), np.float64(1)], ids=repr)
@every(ROWS)
def test_an_axis_that_is_no_integer_raises(call, axis):
    with pytest.raises(TypeError, match="axis must be an integer"):
        call(*call.draw(2, 3), axis=axis)


@every(ROWS)
def test_numpy_integers_are_axes(call):
    operands = call.draw(2, 3)
    assert same_bits(call(*operands, axis=np.int64(0)), call(*operands, axis=0))


def test_default_axes_are_the_last_for_measures_and_all_for_scipys():
    x, y = call_named("kl_divergence-weights").draw(2, 3)
    assert same_bits(kl_divergence(x, y), kl_divergence(x, y, axis=-1))
    assert same_bits(entropy(x), entropy(x, axis=-1))
    assert same_bits(special.logsumexp(x), special.logsumexp(x, axis=None))
    assert same_bits(special.softmax(x), special.softmax(x, axis=None))
    assert same_bits(special.log_softmax(x), special.log_softmax(x, axis=None))


def test_both_names_of_the_divergence_and_of_its_arguments_work():
    x, y = call_named("kl_divergence-weights").draw(2, 3)
    assert relative_entropy is kl_divergence
    assert same_bits(kl_divergence(q=y, p=x), kl_divergence(x, y))


@pytest.mark.parametrize("axis", [1, (2, 0), None])
@across(ROWS, "dask")
def test_any_axes_of_chunked_arrays_may_be_reduced(call, axis, backend):
    operands = call.draw(2, 4, 3, dtype="float32")
    expected = np.asarray(call(*operands, axis=axis))
    with backend.active():
        result = call(*(backend.make(x) for x in operands), axis=axis)
        assert tuple(result.shape) == expected.shape
        assert same_bits(backend.read(result), expected)


# --- memory layout -----------------------------------------------------------------------


def layouts(x):
    """The same numbers (6, 5) in memory orders a user may hand over."""
    strided = np.zeros((12, 15), x.dtype)
    strided[::2, ::3] = x
    backwards = np.ascontiguousarray(x[::-1, ::-1])
    return {
        "Fortran order": np.asfortranarray(x),
        "strided": strided[::2, ::3],
        "negative strides": backwards[::-1, ::-1],
        "transposed": np.ascontiguousarray(x.T).T,
        "unaligned row starts": np.pad(x, ((0, 0), (1, 0)))[:, 1:],
    }


@pytest.mark.parametrize("dtype", DTYPES)
@every(CALLS)
def test_memory_layout_does_not_change_a_bit(call, dtype):
    operands = call.draw(6, 5, dtype=dtype)
    for axis in (0, 1):
        keywords = {} if call.kind == "elementwise" else {"axis": axis}
        expected = call(*operands, **keywords)
        for name in layouts(operands[0]):
            views = [layouts(x)[name] for x in operands]
            assert same_bits(call(*views, **keywords), expected), name


@pytest.mark.parametrize("dtype", DTYPES)
@every(CALLS)
def test_memory_layout_of_tensors_does_not_change_a_bit(call, dtype):
    backend = BACKENDS["torch"]
    with backend.active():
        operands = [backend.make(x) for x in call.draw(6, 5, dtype=dtype)]
        expected = backend.read(call.rows(*operands))
        views = [x.T.contiguous().T for x in operands]
        assert same_bits(backend.read(call.rows(*views)), expected)
        views = [x.repeat_interleave(2, 0).repeat_interleave(3, 1)[::2, ::3] for x in operands]
        assert same_bits(backend.read(call.rows(*views)), expected)


@on("numpy", "torch")
@every(CALLS)
def test_stride_zero_views_are_read_like_copies(call, backend):
    with backend.active():
        operands = [backend.make(x) for x in call.draw(1, 5, dtype="float32")]
        views = [
            np.broadcast_to(x, (4, 5)) if backend.library == "numpy" else x.expand(4, 5)
            for x in operands
        ]
        row = backend.read(call.rows(*operands))
        result = backend.read(call.rows(*views))
        assert same_bits(result, np.concatenate([row] * 4))


@pytest.mark.parametrize("dtype", DTYPES)
@every(CALLS)
def test_inputs_may_be_read_only_and_stay_as_they_are(call, dtype):
    operands = call.draw(4, 5, dtype=dtype)
    kept = [x.copy() for x in operands]
    for x in operands:
        x.flags.writeable = False
    result = call.rows(*operands)
    assert all(same_bits(x, old) for x, old in zip(operands, kept, strict=True))
    assert not any(np.shares_memory(result, x) for x in operands)


@every(CALLS)
def test_tensors_are_not_written_to(call):
    backend = BACKENDS["torch"]
    with backend.active():
        operands = [backend.make(x) for x in call.draw(4, 5)]
        versions = [x._version for x in operands]
        call.rows(*operands)
        assert [x._version for x in operands] == versions


def test_memory_mapped_arrays_are_read(tmp_path):
    p, q = call_named("kl_divergence-weights").draw(4, 5)
    np.save(tmp_path / "p.npy", p)
    mapped = np.load(tmp_path / "p.npy", mmap_mode="r")
    result = kl_divergence(mapped, q)
    assert type(result) is np.ndarray
    assert same_bits(result, kl_divergence(p, q))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@every(CALLS)
def test_arrays_of_the_other_byte_order_are_read(call, dtype):
    operands = call.draw(4, 5, dtype=dtype)
    swapped = [x.astype(x.dtype.newbyteorder()) for x in operands]
    result = call.rows(*swapped)
    assert result.dtype.name == dtype
    assert same_bits(result.astype(dtype), call.rows(*operands))


# --- SciPy's signatures ------------------------------------------------------------------

SCIPY = {
    "logsumexp": ["a", "axis", "b", "keepdims", "return_sign"],
    "softmax": ["x", "axis"],
    "log_softmax": ["x", "axis"],
}


@pytest.mark.parametrize("name", SCIPY)
def test_reductions_have_scipys_signature(name):
    ours = inspect.signature(getattr(special, name)).parameters
    assert list(ours) == SCIPY[name]
    scipy = pytest.importorskip("scipy.special")
    theirs = inspect.signature(getattr(scipy, name)).parameters
    for key, parameter in ours.items():
        assert theirs[key].default == parameter.default or key in {"a", "x"}
        assert list(theirs).index(key) == list(ours).index(key)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py", "entr", "rel_entr", "kl_div"])
def test_elementwise_functions_agree_with_scipys(name):
    scipy = pytest.importorskip("scipy.special")
    call = call_named(name)
    grid = np.array([0.0, 0.25, 1.0, 3.0, np.inf, -1.0, np.nan])
    operands = np.meshgrid(*[grid] * len(call.kinds))
    finite = np.all([np.isfinite(x) for x in operands], axis=0)
    with np.errstate(all="ignore"):
        ours, theirs = call(*operands), getattr(scipy, name)(*operands)
    np.testing.assert_allclose(ours[finite], theirs[finite], rtol=1e-14)
    inputs_nan = np.any([np.isnan(x) for x in operands], axis=0)
    assert np.all(np.isnan(ours[inputs_nan]))


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
def test_reductions_agree_with_scipys(name, axis):
    scipy = pytest.importorskip("scipy.special")
    (a,) = call_named(name).draw(2, 3, 4)
    ours, theirs = getattr(special, name)(a, axis=axis), getattr(scipy, name)(a, axis=axis)
    assert np.shape(ours) == np.shape(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
def test_signed_logsumexp_agrees_with_scipys(axis, keepdims):
    scipy = pytest.importorskip("scipy.special")
    a, b = call_named("logsumexp-signed").draw(2, 3, 4)
    b = b - 1
    keywords = {"axis": axis, "b": b, "keepdims": keepdims, "return_sign": True}
    ours, theirs = special.logsumexp(a, **keywords), scipy.logsumexp(a, **keywords)
    for one, other in zip(ours, theirs, strict=True):
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, rtol=1e-12)
    ours = special.logsumexp(a, axis, b[:, :1], keepdims)
    with np.errstate(invalid="ignore"):
        theirs = scipy.logsumexp(a, axis, b[:, :1], keepdims)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
