"""What is traced, mapped, compiled or lazy: no value is asked for, and no result changes."""

import math

import numpy as np
import pytest

from relentropy import entropy, js_divergence, kl_divergence, mutual_information, special

from .backends import BACKENDS
from .samples import CALLS, FEW, MASKED, ROWS, call_named, dtype_name, every, same_bits

FEW_CALLS = [call_named(name) for name in FEW]


# --- torch -------------------------------------------------------------------------------


@every(CALLS)
def test_tensors_without_data_go_all_the_way(call):
    torch = pytest.importorskip("torch")
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        operands = [torch.empty(4, 5, device="meta", dtype=dtype) for _ in call.kinds]
        result = call.rows(*operands)
        assert result.device.type == "meta"
        assert result.dtype == dtype
        assert tuple(result.shape) == ((4,) if call.kind == "reduction" else (4, 5))


@every(CALLS)
def test_fake_tensors_go_all_the_way(call):
    torch = pytest.importorskip("torch")
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        result = call.rows(*(torch.empty(4, 5) for _ in call.kinds))
    assert tuple(result.shape) == ((4,) if call.kind == "reduction" else (4, 5))


@every(CALLS)
def test_torch_vmap_is_a_batch(call):
    torch = pytest.importorskip("torch")
    operands = [torch.from_numpy(x) for x in call.draw(6, 5)]
    mapped = torch.func.vmap(call.rows)(*operands)
    assert same_bits(mapped.numpy(), call.rows(*operands).numpy())


@every(CALLS)
def test_tensors_that_need_gradients_have_the_same_values(call):
    torch = pytest.importorskip("torch")
    for dtype in ("float16", "float32", "float64"):
        operands = [torch.from_numpy(x) for x in call.draw(6, 5, dtype=dtype)]
        followed = [x.clone().requires_grad_() for x in operands]
        expected = call.rows(*operands).numpy()
        assert same_bits(call.rows(*followed).detach().numpy(), expected)
        with torch.no_grad():
            assert same_bits(call.rows(*followed).numpy(), expected)
        parameters = [torch.nn.Parameter(x) for x in operands]
        assert same_bits(call.rows(*parameters).detach().numpy(), expected)


@every(CALLS)
def test_torch_compile_sees_one_graph(call):
    torch = pytest.importorskip("torch")
    if call.name not in {"kl_divergence-logits", "kl_divergence-weights", "logaddexp"}:
        pytest.skip("the drivers are the same")
    torch._dynamo.reset()
    operands = [torch.from_numpy(x) for x in call.draw(4, 5, dtype="float32")]
    compiled = torch.compile(call.rows, fullgraph=True, backend="eager")
    np.testing.assert_allclose(compiled(*operands), call.rows(*operands), rtol=1e-6)


@pytest.mark.full
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every(MASKED)
def test_torch_compile_generates_code_that_agrees(call, dtype):
    torch = pytest.importorskip("torch")
    torch._dynamo.reset()
    operands = [torch.from_numpy(x) for x in call.draw(4, 50, dtype=dtype)]
    compiled = torch.compile(call.rows, fullgraph=True)
    rtol = 1e-6 if dtype == "float32" else 1e-14
    np.testing.assert_allclose(compiled(*operands), call.rows(*operands), rtol=rtol)


# --- jax ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["kl_divergence-weights", "kl_divergence-logits", "entropy-logits"]
)
def test_jit_changes_no_bit_and_takes_a_traced_mask(name):
    jax = pytest.importorskip("jax")
    call, mask = call_named(name), np.random.default_rng(1).random((4, 5)) < 0.7
    operands = call.draw(4, 5, dtype="float32")
    with BACKENDS["jax"].active():
        jitted = jax.jit(lambda *arrays: call(*arrays[:-1], where=arrays[-1]))
        assert same_bits(np.asarray(jitted(*operands, mask)), call(*operands, where=mask))


@every(FEW_CALLS)
def test_jax_vmap_is_a_batch(call):
    jax = pytest.importorskip("jax")
    operands = call.draw(4, 5, dtype="float32")
    with BACKENDS["jax"].active():
        arrays = [BACKENDS["jax"].make(x) for x in operands]
        assert same_bits(np.asarray(jax.vmap(call.rows)(*arrays)), call.rows(*operands))
        mapped = jax.jit(jax.vmap(call.rows, in_axes=1))(*(x.T for x in arrays))
        assert same_bits(np.asarray(mapped), call.rows(*operands))


def test_jax_maps_one_teacher_over_many_students():
    jax = pytest.importorskip("jax")
    p, q = call_named("kl_divergence-logits").draw(4, 5, dtype="float32")
    with BACKENDS["jax"].active():
        teacher, students = BACKENDS["jax"].make(p[0]), BACKENDS["jax"].make(q)
        mapped = jax.vmap(lambda a, b: kl_divergence(a, b, from_logits=True), in_axes=(None, 0))
        values = np.asarray(mapped(teacher, students))
        assert same_bits(values, kl_divergence(p[0], q, from_logits=True))


# --- dask --------------------------------------------------------------------------------


def never(*args, **keywords):
    raise AssertionError("something was computed before it was asked for")


@pytest.fixture
def lazy():
    dask = pytest.importorskip("dask")
    with dask.config.set(scheduler=never):
        yield pytest.importorskip("dask.array")


CHUNKS = [(2, 3), (6, 9), (1, 9), (6, 1), ((1, 2, 3), (4, 5)), (4, (8, 1))]


@every(CALLS)
def test_nothing_is_computed_before_it_is_asked_for(call, lazy):
    operands = [lazy.from_array(x, chunks=(2, 3)) for x in call.draw(6, 9, dtype="float32")]
    result = call.rows(*operands)
    assert type(result) is lazy.Array
    assert result.shape == ((6,) if call.kind == "reduction" else (6, 9))
    assert dtype_name(result) == "float32"
    assert dtype_name(result._meta) == "float32"
    if call.has_mask:
        mask = lazy.from_array(np.ones((6, 9), bool), chunks=(3, 9))
        base = {"base": 2} if call.has_base else {}
        call.rows(*operands, where=mask, keepdims=True, **base)
        call(*operands, axis=None)


@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
@every(FEW_CALLS)
def test_any_chunks_give_the_same_bits_unless_rows_are_merged(call, chunks):
    da = pytest.importorskip("dask.array")
    operands = call.draw(6, 9)
    for axis in (0, 1):
        keywords = {} if call.kind == "elementwise" else {"axis": axis}
        lazy = [da.from_array(x, chunks=chunks) for x in operands]
        result = call(*lazy, **keywords).compute(scheduler="synchronous")
        expected = call(*operands, **keywords)
        if call.kind == "reduction" and lazy[0].numblocks[axis] > 1:
            np.testing.assert_allclose(result, expected, rtol=1e-15)
        else:
            assert same_bits(result, expected)


def test_operands_may_have_different_chunks():
    da = pytest.importorskip("dask.array")
    p, q = call_named("kl_divergence-weights").draw(6, 9)
    mask = np.arange(54).reshape(6, 9) % 4 > 0
    arrays = [
        da.from_array(x, chunks=chunks)
        for x, chunks in ((p, (2, 9)), (q, (3, 4)), (mask, (6, 2)))
    ]
    result = kl_divergence(arrays[0], arrays[1], where=arrays[2])
    expected = kl_divergence(p, q, where=mask)
    np.testing.assert_allclose(result.compute(scheduler="synchronous"), expected, rtol=1e-15)


def test_operands_of_elementwise_functions_may_have_different_chunks():
    da = pytest.importorskip("dask.array")
    p, q = call_named("kl_div").draw(6, 9)
    arrays = [da.from_array(x, chunks=chunks) for x, chunks in ((p, (2, 9)), (q, (3, 4)))]
    terms = special.kl_div(arrays[0], arrays[1])
    assert same_bits(terms.compute(scheduler="synchronous"), special.kl_div(p, q))


@every([call for call in ROWS if call.name in FEW])
def test_rows_of_an_unknown_number_are_reduced(call):
    da = pytest.importorskip("dask.array")
    operands = call.draw(6, 9)
    keep = np.array([True, False, True, True, False, True])
    chosen = da.from_array(keep, chunks=2)
    arrays = [da.from_array(x, chunks=(2, 9))[chosen] for x in operands]
    assert math.isnan(arrays[0].shape[0])
    result = call.rows(*arrays).compute(scheduler="synchronous")
    assert same_bits(result, call.rows(*(x[keep] for x in operands)))


def test_blocks_of_dask_may_be_of_any_dtype_and_order():
    da = pytest.importorskip("dask.array")
    (p,) = call_named("entropy-weights").draw(6, 9, dtype="bfloat16")
    result = entropy(da.from_array(np.asfortranarray(p), chunks=(4, 3)))
    assert same_bits(result.compute(scheduler="synchronous"), entropy(p))


def test_a_mask_may_have_an_unknown_number_of_rows():
    da = pytest.importorskip("dask.array")
    x = np.random.default_rng(5).random((6, 5))
    rows = da.from_array(x, chunks=(2, 5))
    rows = rows[rows[:, 0] > 0.3]
    found = js_divergence(rows, rows**2, where=rows > 0.2)
    own = x[x[:, 0] > 0.3]
    expected = js_divergence(own, own**2, where=own > 0.2)
    assert same_bits(found.compute(scheduler="synchronous"), expected)
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        mutual_information(rows)
