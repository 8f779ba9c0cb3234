"""``where=``: what it excludes is as if it were not there, whatever it is."""

import numpy as np
import pytest

from relentropy import entropy, kl_divergence

from .backends import BACKENDS, DTYPES
from .samples import MASKED, across, every, numpy_dtype, on, same_bits

LIBRARIES = ("numpy", "numpy-tiles", "torch", "torch-cuda", "jax", "strict", "dask")


def random_mask(*shape):
    """A mask whose rows have at least one entry."""
    mask = np.random.default_rng(5).random(shape) < 0.6
    mask[..., 0] = True
    return mask


@across(MASKED, *LIBRARIES)
def test_a_mask_is_the_same_as_leaving_entries_out(call, backend):
    operands, mask = call.draw(6, 9), random_mask(6, 9)
    rows = range(len(mask))
    expected = [call(*(x[i][mask[i]] for x in operands)) for i in rows]
    with backend.active():
        dtype = backend.dtypes[-1]
        arrays = [backend.make(x.astype(dtype)) for x in operands]
        result = backend.read(call(*arrays, where=backend.make(mask)))
    rtol = 1e-13 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(result, expected, rtol=rtol)


@pytest.mark.parametrize("garbage", [np.nan, np.inf, -np.inf, -1.0, 0.0])
@across(MASKED, *LIBRARIES)
def test_what_a_mask_excludes_never_leaks(call, garbage, backend):
    operands, mask = call.draw(4, 7), random_mask(4, 7)
    spoiled = [np.where(mask, x, garbage) for x in operands]
    with backend.active():
        dtype = backend.dtypes[-1]
        chosen = backend.make(mask)
        clean, other = (
            backend.read(call(*(backend.make(x.astype(dtype)) for x in arrays), where=chosen))
            for arrays in (operands, spoiled)
        )
    assert np.all(np.isfinite(clean))
    assert same_bits(clean, other)


@pytest.mark.parametrize("dtype", DTYPES)
@every(MASKED)
def test_garbage_behind_a_mask_does_not_leak_in_any_dtype(call, dtype):
    operands, mask = call.draw(4, 7, dtype=dtype), random_mask(4, 7)
    nothing = np.array(np.nan, numpy_dtype(dtype))
    spoiled = [np.where(mask, x, nothing) for x in operands]
    assert same_bits(call(*spoiled, where=mask), call(*operands, where=mask))


@across(MASKED, *LIBRARIES)
def test_an_empty_selection_is_zero(call, backend):
    mask = random_mask(3, 5)
    mask[1] = False
    with backend.active():
        dtype = backend.dtypes[-1]
        operands = [x.astype(dtype) for x in call.draw(3, 5)]
        for x in operands:
            x[1] = np.nan
        arrays = [backend.make(x) for x in operands]
        result = backend.read(call(*arrays, where=backend.make(mask)))
        assert same_bits(result[1], np.zeros((), dtype)[()])
        assert np.all(result[[0, 2]] != 0)
        nothing = backend.read(call(*arrays, where=backend.make(np.zeros((), bool))))
        assert same_bits(nothing, np.zeros(3, dtype))


@across(MASKED, *LIBRARIES)
def test_a_mask_of_tokens_needs_one_more_axis(call, backend):
    operands, mask = call.draw(2, 3, 5), np.array([[True, True, False], [True, False, False]])
    with backend.active():
        dtype = backend.dtypes[-1]
        arrays = [backend.make(x.astype(dtype)) for x in operands]
        tokens = backend.make(mask)
        whole = backend.read(call(*arrays))
        result = backend.read(call(*arrays, where=tokens[..., None]))
        assert same_bits(result, np.where(mask, whole, np.zeros((), dtype)))
        with pytest.raises(ValueError, match=r"where=mask\[\.\.\., None\]"):
            call(*arrays, where=tokens)


@every(MASKED)
def test_no_mask_and_a_mask_of_true_are_the_same(call):
    operands = call.draw(3, 5)
    expected = call(*operands)
    for mask in (None, True, np.True_, np.ones(5, bool), np.ones((3, 1), bool), [True] * 5):
        assert same_bits(call(*operands, where=mask), expected)


@on("numpy", "torch", "strict")
def test_a_list_is_a_mask(backend):
    with backend.active():
        p = backend.make(np.array([1.0, 1.0, np.nan]))
        result = backend.read(entropy(p, where=[True, True, False], base=2))
    assert result == 1


@pytest.mark.parametrize("shape", [(4,), (2, 5), (3, 4), (1, 3, 5), (5, 3)])
@every(MASKED)
def test_a_mask_that_does_not_broadcast_raises(call, shape):
    with pytest.raises(ValueError, match="where of shape") as caught:
        call(*call.draw(3, 5), where=np.ones(shape, bool))
    assert str(shape) in str(caught.value)
    assert "(3, 5)" in str(caught.value)


@on("numpy", "torch", "jax", "strict", "dask")
def test_a_mask_that_is_not_boolean_raises(backend):
    with backend.active():
        dtype = backend.dtypes[-1]
        p = backend.make(np.ones((3, 5), dtype))
        for mask in (backend.make(np.ones((3, 5), dtype)), backend.make(np.ones(5, np.int32))):
            with pytest.raises(TypeError, match="where must be bool"):
                entropy(p, where=mask)
        for mask in (1, 1.0, [1, 0, 1, 0, 1]):
            with pytest.raises(TypeError, match="where must be bool"):
                entropy(p, where=mask)


def test_a_mask_of_another_library_raises():
    backend = BACKENDS["torch"]
    with backend.active():
        p = np.ones((3, 5))
        with pytest.raises(TypeError, match=r"(?s)numpy.*torch"):
            kl_divergence(p, p, where=backend.make(np.ones(5, bool)))


@pytest.mark.parametrize("axis", [0, (0, 1), None])
@every(MASKED)
def test_masks_follow_any_axes(call, axis):
    operands, mask = call.draw(4, 7), random_mask(4, 7)
    expected = (
        call(*(x.T.copy() for x in operands), where=mask.T.copy())
        if axis == 0
        else call(*(x.reshape(-1) for x in operands), where=mask.reshape(-1))
    )
    assert same_bits(call(*operands, where=mask, axis=axis), expected)
