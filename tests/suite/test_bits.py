"""What does not change a single bit: blocks, neighbours, threads, and for float32 libraries."""

import numpy as np
import pytest

from relentropy._arrays import plan

from .backends import BACKENDS, DTYPES
from .samples import CALLS, REDUCTIONS, ROWS, across, call_named, every, same_bits

TILES = (1, 7, 100, 333, 2**14, 2**15 + 1, 2**16)


@pytest.mark.parametrize("dtype", DTYPES)
@across(CALLS, "numpy", "torch")
def test_the_number_of_rows_in_a_task_is_no_part_of_the_result(
    call, backend, dtype, monkeypatch
):
    with backend.active():
        operands = [backend.make(x) for x in call.draw(23, 9, dtype=dtype)]
        for axis in (0, 1):
            keywords = {} if call.kind == "elementwise" else {"axis": axis}
            results = []
            for tile in TILES:
                monkeypatch.setattr(plan, "TILED", plan.Plan(plan.TILED.leaf, tile))
                results.append(backend.read(call(*operands, **keywords)))
            for tile, result in zip(TILES, results, strict=True):
                assert same_bits(result, results[0]), tile


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@across(ROWS, "numpy", "torch")
def test_the_number_of_long_rows_in_a_task_is_no_part_of_the_result(
    call, backend, dtype, monkeypatch
):
    with backend.active():
        operands = [backend.make(x) for x in call.draw(3, 20_001, dtype=dtype)]
        leaf, results = plan.TILED.leaf, []
        for tile in (leaf, 2 * leaf + 5, 4 * leaf):
            monkeypatch.setattr(plan, "TILED", plan.Plan(leaf, tile))
            results.append(backend.read(call.rows(*operands)))
        assert all(same_bits(result, results[0]) for result in results[1:])


@pytest.mark.parametrize("dtype", DTYPES)
@across(CALLS, "numpy", "torch")
def test_a_row_does_not_depend_on_its_neighbours(call, backend, dtype):
    operands = call.draw(19, 50, dtype=dtype)
    with backend.active():
        whole = backend.read(call.rows(*(backend.make(x) for x in operands)))
        for i in range(19):
            alone = call.rows(*(backend.make(x[i]) for x in operands))
            assert same_bits(backend.read(alone), whole[i]), i
            alone = call.rows(*(backend.make(x[i : i + 1]) for x in operands))
            assert same_bits(backend.read(alone)[0], whole[i]), i


@every(CALLS)
def test_a_number_does_not_depend_on_its_place(call):
    """Vector units treat the last few entries of an array apart."""
    if call.kind != "elementwise":
        pytest.skip("rows have their own test")
    for dtype in DTYPES:
        operands = call.draw(67, dtype=dtype)
        whole = call(*operands)
        for start in (1, 2, 3, 5):
            assert same_bits(call(*(x[start:] for x in operands)), whole[start:])
        assert same_bits(np.stack([call(*(x[i] for x in operands)) for i in range(67)]), whole)


@pytest.mark.parametrize("shape", [(2, 50_000), (400, 100)])
@every(CALLS)
def test_threads_of_torch_are_no_part_of_the_result(call, shape):
    torch = pytest.importorskip("torch")
    kept = torch.get_num_threads()
    operands = [torch.from_numpy(x) for x in call.draw(*shape)]
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(call.rows(*operands).numpy())
    finally:
        torch.set_num_threads(kept)
    assert same_bits(*results)


@pytest.mark.parametrize("name", ["torch", "jax", "jax-jit"])
@every(CALLS)
def test_float32_results_are_the_same_bits_in_every_library(call, name):
    if name == "jax-jit" and call.kind != "reduction":
        pytest.skip("jax compiles every call anyway")
    backend = BACKENDS[name]
    operands = call.draw(2000, 37, dtype="float32")
    expected = call.rows(*operands)
    with backend.active():
        arrays = [backend.make(x) for x in operands]
        result = backend.read(backend.wrap(call.rows)(*arrays))
    different = int(np.sum(result != expected))
    assert same_bits(result, expected), f"{different} of {expected.size} differ"


@pytest.mark.parametrize("gap", [1e-6, 1e-3, 1.0, 30.0])
@pytest.mark.parametrize("name", ["torch", "jax"])
@every([call for call in REDUCTIONS if call.record.name == "kl_divergence"])
def test_float32_divergences_are_the_same_bits_at_any_gap(call, name, gap):
    backend, rng = BACKENDS[name], np.random.default_rng(11)
    a = rng.normal(0, 4, (2000, 37))
    b = np.clip(a + gap * rng.normal(size=a.shape), -80, 80)
    operands = [
        (np.exp(x) if kind == "weight" else x).astype(np.float32)
        for kind, x in zip(call.kinds, (a, b), strict=True)
    ]
    expected = call(*operands)
    with backend.active():
        result = backend.read(call(*(backend.make(x) for x in operands)))
    different = int(np.sum(result != expected))
    assert same_bits(result, expected), f"{different} of {expected.size} differ"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize(
    "name", ["kl_divergence-logits", "kl_divergence-weights", "entropy-logits"]
)
def test_dtype_float64_has_the_digits_of_float64_also_for_narrow_input(name, dtype):
    call = call_named(name)
    operands = call.draw(5, 9, dtype=dtype)
    wide = [x.astype(np.float64) for x in operands]
    assert same_bits(call.rows(*operands, dtype="float64"), call.rows(*wide))
