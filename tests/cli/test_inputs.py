"""Reading blocks of rows, of files of every kind."""

import tracemalloc

import numpy as np
import pytest

pytest.importorskip("click")

from relentropy.cli.inputs import open_rows


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(7,), (6, 7), (2, 3, 7), (1, 6, 1, 7)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_blocks_are_the_rows_in_order(tmp_path, shape, order, dtype):
    array = np.arange(np.prod(shape), dtype=dtype).reshape(shape, order=order)
    np.save(tmp_path / "a.npy", array)
    rows = open_rows(str(tmp_path / "a.npy"), "FILE")
    flat = array.reshape(-1, 7)
    assert (rows.count, rows.vocabulary) == (len(flat), 7)
    assert rows.shape == (shape if len(shape) > 1 else (1, *shape))
    for start in range(len(flat)):
        for stop in range(start + 1, len(flat) + 1):
            block = rows.block(start, stop)
            np.testing.assert_array_equal(block, flat[start:stop])
            assert block.dtype == (np.float64 if dtype == "float64" else np.float32)
            assert block.flags.c_contiguous


def test_every_bfloat16_is_widened_exactly(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.arange(2**16, dtype=np.uint16).view(ml_dtypes.bfloat16).reshape(4, -1)
    np.save(tmp_path / "a.npy", array)
    rows = open_rows(str(tmp_path / "a.npy"), "FILE")
    assert rows.dtype == "bfloat16"
    np.testing.assert_array_equal(rows.block(1, 3), array[1:3].astype(np.float32))


@pytest.mark.parametrize("order", ["C", "F"])
def test_no_more_than_a_block_is_in_memory(tmp_path, order):
    file = np.lib.format.open_memmap(
        tmp_path / "a.npy", "w+", np.float32, (64, 32, 2048), fortran_order=order == "F"
    )
    size = file.nbytes
    del file
    rows = open_rows(str(tmp_path / "a.npy"), "FILE")
    tracemalloc.start()
    for start in range(0, rows.count, 64):
        rows.block(start, start + 64)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < size / 8
