"""Reading blocks of rows, of files of every kind."""

import os
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

pytest.importorskip("click")

from relentropy.cli.errors import UnusableFileError
from relentropy.cli.inputs import mask_of, open_rows, tokens_of

from .files import write_llama, write_safetensors


def opened(path):
    return open_rows(str(path), "FILE")


def refusal(path):
    with pytest.raises(UnusableFileError) as caught:
        opened(path)
    text = str(caught.value)
    assert text.startswith(f"FILE {str(path).partition(':')[0]}")
    assert "\n" not in text
    return text


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(7,), (6, 7), (2, 3, 7), (1, 6, 1, 7)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_blocks_are_the_rows_in_order(tmp_path, shape, order, dtype):
    array = np.arange(np.prod(shape), dtype=dtype).reshape(shape, order=order)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "b.npz", other=np.zeros(3), a=array)
    flat = array.reshape(-1, 7)
    for rows in (opened(tmp_path / "a.npy"), opened(f"{tmp_path}/b.npz:a")):
        assert (rows.count, rows.vocabulary) == (len(flat), 7)
        assert rows.shape == (shape if len(shape) > 1 else (1, *shape))
        for start in range(len(flat)):
            for stop in range(start + 1, len(flat) + 1):
                block = rows.block(start, stop)
                np.testing.assert_array_equal(block, flat[start:stop])
                assert block.dtype == (np.float64 if dtype == "float64" else np.float32)
                assert block.flags.c_contiguous


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_compressed_members_forwards_and_backwards(tmp_path, dtype):
    array = np.random.default_rng(0).standard_normal((3, 50, 40)).astype(dtype)
    np.savez_compressed(tmp_path / "a.npz", logits=array)
    rows = opened(tmp_path / "a.npz")  # the only member needs no name
    flat = array.reshape(-1, 40)
    for start, stop in [(0, 7), (7, 8), (100, 150), (3, 5), (3, 5), (149, 150), (0, 150)]:
        np.testing.assert_array_equal(rows.block(start, stop), flat[start:stop])
    again = pickle.loads(pickle.dumps(rows))
    np.testing.assert_array_equal(again.block(5, 9), flat[5:9])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_tensors_of_safetensors(tmp_path, dtype):
    array = np.random.default_rng(0).standard_normal((5, 4, 9)).astype(dtype)
    tensors = {"x": np.zeros((2, 3), np.float32), "logits": array}
    path = write_safetensors(tmp_path / "a.safetensors", tensors)
    rows = opened(f"{path}:logits")
    assert (rows.shape, rows.dtype) == ((5, 4, 9), dtype)
    np.testing.assert_array_equal(rows.block(3, 17), array.reshape(-1, 9)[3:17])
    save_file = pytest.importorskip("safetensors.numpy").save_file
    save_file(tensors, tmp_path / "b.safetensors")
    theirs = opened(f"{tmp_path}/b.safetensors:logits")
    np.testing.assert_array_equal(theirs.block(0, 20), array.reshape(-1, 9))


def test_every_bfloat16_is_widened_exactly(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.arange(2**16, dtype=np.uint16).view(ml_dtypes.bfloat16).reshape(4, -1)
    np.save(tmp_path / "a.npy", array)
    tensors = {"t": array.view("<V2")}
    files = [tmp_path / "a.npy", write_safetensors(tmp_path / "a.safetensors", tensors)]
    for rows in map(opened, files):
        assert rows.dtype == "bfloat16"
        np.testing.assert_array_equal(rows.block(1, 3), array[1:3].astype(np.float32))


@pytest.mark.parametrize("vocabulary", [10, 11])
@pytest.mark.parametrize("context", [6, 7])
def test_bases_of_llama_cpp(tmp_path, vocabulary, context):
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, vocabulary, (3, context))
    logits = 4 * rng.standard_normal((3, context - 1 - context // 2, vocabulary))
    path = write_llama(tmp_path / "base.kld", logits, tokens)
    rows = opened(path)
    assert rows.shape == logits.shape
    flat = logits.reshape(-1, vocabulary)
    expected = np.maximum(flat, flat.max(-1, keepdims=True) - 16)
    expected -= np.log(np.exp(flat).sum(-1, keepdims=True))
    assert np.abs(rows.block(0, rows.count) - expected).max() < 16 / 65535
    np.testing.assert_array_equal(rows.block(2, 4), rows.block(0, 5)[2:4])
    # A row at position i of a chunk's second half predicts the token at i + 1.
    np.testing.assert_array_equal(
        tokens_of(path, rows), tokens[:, context // 2 + 1 :].reshape(-1)
    )
    path.write_bytes(path.read_bytes()[:-1])
    assert "ends before its array does" in refusal(path)
    path.write_bytes(b"_logits_" + struct.pack("<3i", 4, -1, 2))
    assert "makes no sense" in refusal(path)


@pytest.mark.parametrize("name", ["", "/part-*.npy", "/part-[0-9]*.npy"])
def test_shards_in_the_order_of_their_numbers(tmp_path, name):
    shards = [np.full((1 + i % 3, 2, 5), i, np.float32) for i in range(12)]
    for i, shard in enumerate(shards):
        np.save(tmp_path / f"part-{i}.npy", shard)
    (tmp_path / "notes.txt").write_text("not a shard")
    rows = opened(f"{tmp_path}{name}")
    whole = np.concatenate(shards)
    assert rows.shape == whole.shape
    flat = whole.reshape(-1, 5)
    for start, stop in [(0, len(flat)), (1, 2), (1, 3), (5, 20), (len(flat) - 1, len(flat))]:
        np.testing.assert_array_equal(rows.block(start, stop), flat[start:stop])


def test_shards_of_members_and_of_several_dtypes(tmp_path):
    for i, dtype in enumerate(["float16", "float64"]):
        write_safetensors(tmp_path / f"{i}.safetensors", {"l": np.full((2, 3), i, dtype)})
    rows = opened(f"{tmp_path}/*.safetensors:l")
    assert rows.dtype == "float16/float64"
    np.testing.assert_array_equal(rows.block(1, 3)[:, 0], [0, 1])
    assert opened(f"{tmp_path}:l").shape == (4, 3)


def test_a_file_whose_name_looks_like_a_member_or_a_pattern(tmp_path):
    for name in ("a:b.npy", "a[1].npy", "a*.npy"):
        np.save(tmp_path / name, np.full((1, 2), len(name), np.float32))
        assert opened(tmp_path / name).block(0, 1)[0, 0] == len(name)


def test_shards_that_do_not_fit(tmp_path):
    np.save(tmp_path / "0.npy", np.zeros((2, 3)))
    np.save(tmp_path / "1.npy", np.zeros((2, 4)))
    with pytest.raises(
        UnusableFileError, match=r"1\.npy has shape \(2, 4\), 0\.npy has \(2, 3"
    ):
        opened(tmp_path)
    with pytest.raises(UnusableFileError, match="matches no file"):
        opened(tmp_path / "x*.npy")


def test_members_that_are_not_there(tmp_path):
    np.savez(tmp_path / "a.npz", one=np.zeros((2, 3)), two=np.zeros((2, 3)))
    text = refusal(tmp_path / "a.npz")
    assert "holds 2 arrays: one, two; name one: " in text
    assert "has no array 'three'; it holds one, two" in refusal(f"{tmp_path}/a.npz:three")
    path = write_safetensors(tmp_path / "a.safetensors", {"t": np.zeros((2, 3))})
    assert "has no tensor 'u'; it holds t" in refusal(f"{path}:u")
    np.save(tmp_path / "a.npy", np.zeros((2, 3)))
    assert "holds one array; leave out ':t'" in refusal(f"{tmp_path}/a.npy:t")
    np.savez(tmp_path / "none.npz")
    assert "holds no arrays" in refusal(tmp_path / "none.npz")


def test_objects_and_integers_in_archives(tmp_path):
    np.savez(tmp_path / "o.npz", a=np.array([[1, None]]))
    assert "Python objects" in refusal(tmp_path / "o.npz")
    np.savez(tmp_path / "i.npz", a=np.zeros((2, 3), int))
    assert "has dtype int64; expected" in refusal(tmp_path / "i.npz")
    path = write_safetensors(tmp_path / "i.safetensors", {"t": np.zeros((2, 3), int)})
    assert "has dtype I64; expected" in refusal(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x10\0\0",
        struct.pack("<Q", 10**6) + b"{}",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 7) + b'{"a": 3',
        struct.pack("<Q", 8) + b'{"a": 3}',
        struct.pack("<Q", 68)
        + b'{"a":{"dtype":"F32","shape":[2,"x"],"data_offsets":[0,8]},"b":{}}   ',
        struct.pack("<Q", 56) + b'{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}  ',
        struct.pack("<Q", 56) + b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  ',
    ],
)
def test_safetensors_that_are_none(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    refusal(tmp_path / "a.safetensors")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("kept", [10, 100, 0.5, 0.99])
def test_archives_cut_short(tmp_path, save, kept):
    save(tmp_path / "a.npz", a=np.random.default_rng(0).standard_normal((20, 30)))
    whole = (tmp_path / "a.npz").read_bytes()
    kept = kept if kept > 1 else int(kept * len(whole))
    (tmp_path / "a.npz").write_bytes(whole[:kept])
    assert "cannot be read" in refusal(tmp_path / "a.npz")


def test_a_damaged_archive(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.random.default_rng(0).standard_normal((200, 30)))
    with zipfile.ZipFile(path) as archive:
        at = archive.infolist()[0].header_offset + 20_000
    content = bytearray(path.read_bytes())
    content[at : at + 40] = bytes(40)
    path.write_bytes(content)
    rows = opened(path)
    with pytest.raises(UnusableFileError, match="damaged"):
        rows.block(0, 200)


def test_a_file_that_grows_or_is_still_written(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((4, 3), np.float32))
    rows = opened(path)
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(UnusableFileError, match="changed while it was read"):
        rows.must_be_unchanged()
    assert "4 bytes follow its array; is it still being written?" in refusal(path)
    path.write_bytes(path.read_bytes()[:-14])
    with pytest.raises(UnusableFileError, match="ends before its array does"):
        rows.block(0, 4)
    path.unlink()
    with pytest.raises(UnusableFileError, match="No such file"):
        rows.block(0, 4)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_file_that_shrinks_meanwhile(tmp_path, order):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((400, 300), np.float32, order=order))
    rows = opened(path)
    os.truncate(path, 5000)
    with pytest.raises(UnusableFileError, match="ends before its array does"):
        rows.block(0, 400)


@pytest.mark.parametrize("kind", ["C", "F", "stored", "deflated"])
def test_no_more_than_a_block_is_in_memory(tmp_path, kind):
    array = np.zeros((64, 32, 2048), np.float32, order="F" if kind == "F" else "C")
    save = {"stored": np.savez, "deflated": np.savez_compressed}.get(kind, np.save)
    path = tmp_path / ("a.npy" if kind in "CF" else "a.npz")
    save(path, array)
    size = array.nbytes
    del array
    rows = opened(path)
    tracemalloc.start()
    for start in range(0, rows.count, 64):
        rows.block(start, start + 64)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < size / 8


@pytest.fixture
def six(tmp_path):
    np.save(tmp_path / "six.npy", np.zeros((2, 3, 7), np.float32))
    return opened(tmp_path / "six.npy")


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
@pytest.mark.parametrize("shape", [(2, 3), (6,)])
def test_masks(tmp_path, six, dtype, shape):
    flags = np.array([1, 0, 0, 1, 1, 0], dtype).reshape(shape)
    np.save(tmp_path / "mask.npy", flags)
    found = mask_of(tmp_path / "mask.npy", six)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, flags.reshape(-1).astype(bool))


BAD = {
    "shape": (np.zeros((3, 2), int), "has shape (3, 2); expected (2, 3)"),
    "floats": (np.zeros((2, 3)), "has dtype float64; expected"),
    "objects": (np.array([[None] * 3] * 2), "has dtype object; expected"),
}


@pytest.mark.parametrize(("array", "words"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("read", [mask_of, tokens_of])
def test_masks_and_tokens_that_are_none(tmp_path, six, array, words, read):
    path = tmp_path / "x.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(UnusableFileError) as caught:
        read(path, six)
    assert words in str(caught.value)
    for content in (b"", b"\x80\x04\x95", b"text"):
        path.write_bytes(content)
        with pytest.raises(UnusableFileError, match=r"is not a \.npy file"):
            read(path, six)
    with pytest.raises(UnusableFileError, match="No such file"):
        read(tmp_path / "missing.npy", six)


def test_masks_and_tokens_out_of_range(tmp_path, six):
    path = tmp_path / "x.npy"
    np.save(path, np.array([0, 1, 6, -100, -1, 2]))
    np.testing.assert_array_equal(tokens_of(path, six), [0, 1, 6, -1, -1, 2])
    with pytest.raises(UnusableFileError, match="other numbers than 0 and 1"):
        mask_of(path, six)
    np.save(path, np.array([0, 1, 7, 0, 0, 0]))
    with pytest.raises(UnusableFileError, match="holds the token 7; the vocabulary has 7"):
        tokens_of(path, six)
    np.save(path, np.zeros(6, bool))
    with pytest.raises(UnusableFileError, match="selects no row"):
        mask_of(path, six)
    with pytest.raises(UnusableFileError, match="has dtype bool; expected integers"):
        tokens_of(path, six)


def test_bases_of_two_texts(tmp_path):
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 10, (2, 6))
    logits = rng.standard_normal((2, 2, 10))
    one = opened(write_llama(tmp_path / "one.kld", logits, tokens))
    tokens[1, 4] += 1
    other = opened(write_llama(tmp_path / "other.kld", logits, tokens))
    one.must_match(one)
    with pytest.raises(UnusableFileError, match="is of another text"):
        one.must_match(other)


def test_logarithms_are_no_probabilities(tmp_path):
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((2, 2, 10))
    rows = opened(write_llama(tmp_path / "a.kld", logits, rng.integers(0, 10, (2, 6))))
    with pytest.raises(UnusableFileError, match="leave out --probs"):
        rows.must_be_weights()
