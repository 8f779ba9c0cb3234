"""Files that are not what they should be: one line that says so, whatever their bytes are."""

import io
import json
import os
import pickle
import random
import struct
import warnings
import zipfile
import zlib

import numpy as np
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner

from relentropy.cli.app import app
from relentropy.cli.errors import FailedError, UnusableFileError
from relentropy.cli.inputs import mask_of, open_rows, tokens_of
from relentropy.cli.inputs.check_sums import combined

from .files import write_llama, write_safetensors


def run(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def line(*arguments):
    """What is said of what cannot be used."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    said = result.stderr.removesuffix("\n")
    assert said.isprintable()
    return said


def array(shape=(9, 4, 5), seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# Check sums. The arrays are large enough that zipfile does not see all of them at once.
WIDE = (9, 4, 300)


@pytest.mark.parametrize("length", [1, 3, 20, 4096])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 100])
def test_sums_of_parts_make_that_of_the_whole(length, count):
    whole = random.Random(0).randbytes(length * count)
    parts = [whole[i : i + length] for i in range(0, len(whole), length)]
    before = b"what stands before"
    sums = [zlib.crc32(parts[0], zlib.crc32(before)), *map(zlib.crc32, parts[1:])]
    assert combined(np.array(sums, np.uint32), length) == zlib.crc32(before + whole)


def spoil(path, member, at):
    """Flip a bit of an uncompressed member."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"{member}.npy")
    content = bytearray(path.read_bytes())
    data = content.index(b"\x93NUMPY", info.header_offset)
    content[data + (at if at >= 0 else info.file_size + at)] ^= 4
    path.write_bytes(content)


@pytest.fixture
def pair(tmp_path):
    """Two uncompressed archives, each with a member that is not read."""
    for i, name in enumerate("pq"):
        np.savez(tmp_path / f"{name}.npz", other=array(WIDE), logits=array(WIDE, seed=i))
    np.save(tmp_path / "mask.npy", np.arange(36) == 17)
    np.save(tmp_path / "all.npy", np.ones(36, bool))
    return [f"{tmp_path}/{name}.npz:logits" for name in "pq"]


READ = {
    "at once": (),
    "row by row": ("--block-rows", 1),
    "in unequal blocks": ("--block-rows", 5),
    "in part": ("--vocab", 20),
    "hardly": ("--mask", "mask.npy", "--block-rows", 3),
}


@pytest.mark.parametrize("options", READ.values(), ids=READ)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_sound_members_are(tmp_path, pair, save, options):
    options = [tmp_path / one if one == "mask.npy" else one for one in options]
    save(tmp_path / "q.npz", logits=array(WIDE, seed=1))
    found = json.loads(run(*pair, *options, "--json").stdout)
    for i, name in enumerate("pq"):
        np.save(tmp_path / f"{name}.npy", array(WIDE, seed=i))
    files = [tmp_path / f"{name}.npy" for name in "pq"]
    expected = json.loads(run(*files, *options, "--json").stdout)
    assert found["students"][0]["kl"] == expected["students"][0]["kl"]


@pytest.mark.parametrize("options", READ.values(), ids=READ)
@pytest.mark.parametrize(("at", "place"), [(60, 0), (128, 1), (20_003, 0), (-1, 1)])
def test_a_damaged_member_that_is_not_compressed(tmp_path, pair, options, at, place):
    options = [tmp_path / one if one == "mask.npy" else one for one in options]
    path = tmp_path / f"{'pq'[place]}.npz"
    spoil(path, "other", at)
    assert run(*pair, *options).exit_code == 0
    spoil(path, "logits", at)
    said = line(*pair, *options)
    assert said.startswith(f"Error: {('TEACHER', 'STUDENT')[place]} {path}")
    assert "damaged" in said


def test_a_damaged_member_that_two_processes_read(tmp_path, pair):
    options = ("--workers", 2, "--block-rows", 5)
    assert run(*pair, *options).exit_code == 0
    spoil(tmp_path / "p.npz", "logits", 20_003)
    assert "p.npz is damaged" in line(*pair, *options)


def test_a_damaged_row_that_only_an_interrupted_run_read(tmp_path, pair, monkeypatch):
    spoil(tmp_path / "q.npz", "logits", 5000)
    read = open_rows(pair[1], "STUDENT").__class__.block_and_sums
    options = ("--block-rows", 4, "--checkpoint", tmp_path / "run.ckpt")

    class StoppedError(Exception):
        pass

    def stopping(self, start, stop):
        if start >= 20:
            raise StoppedError
        return read(self, start, stop)

    monkeypatch.setattr("relentropy.cli.inputs.Rows.block_and_sums", stopping)
    assert isinstance(run(*pair, *options).exception, StoppedError)
    seen = []

    def noting(self, start, stop):
        seen.append(start)
        return read(self, start, stop)

    monkeypatch.setattr("relentropy.cli.inputs.Rows.block_and_sums", noting)
    assert "another check sum" in line(*pair, *options)
    assert min(seen) == 20


def test_shards_have_a_sum_each(tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    np.savez(folder / "1.npz", array(WIDE)[:2])
    np.save(folder / "2.npy", array(WIDE)[2:5])
    np.savez(folder / "10.npz", array(WIDE)[5:])
    np.save(tmp_path / "t.npy", array(WIDE, seed=1))
    assert run(tmp_path / "t.npy", folder).exit_code == 0
    spoil(folder / "10.npz", "arr_0", 6000)
    assert "10.npz is damaged" in line(tmp_path / "t.npy", folder)


def test_a_damaged_member_in_fortran_order(tmp_path, pair):
    np.savez(tmp_path / "q.npz", logits=np.asfortranarray(array(WIDE)))
    assert run(*pair).exit_code == 0
    spoil(tmp_path / "q.npz", "logits", -1)
    assert "the member is damaged" in line(*pair)


# Whatever the bytes.


def whole(path, name):
    rows = open_rows(name, "FILE")
    found, sums = rows.block_and_sums(0, rows.count)
    rows.must_be_sound(np.array(sums))
    return found


def files_of_every_kind(folder):
    """Small ones: how to write each, and what to open."""
    rows = array((3, 2, 4))
    np.save(folder / "c.npy", rows)
    np.save(folder / "f.npy", np.asfortranarray(rows))
    with (folder / "v2.npy").open("wb") as file:
        np.lib.format.write_array(file, rows, version=(2, 0))
    np.savez(folder / "stored.npz", other=rows, a=rows)
    np.savez_compressed(folder / "deflated.npz", other=rows, a=rows)
    np.savez(folder / "fortran.npz", a=np.asfortranarray(rows))
    for name, method in (("bz2", zipfile.ZIP_BZIP2), ("lzma", zipfile.ZIP_LZMA)):
        with zipfile.ZipFile(folder / f"{name}.npz", "w", method) as archive:
            archive.write(folder / "c.npy", "a.npy")
    write_safetensors(folder / "t.safetensors", {"a": rows, "b": array((2,)), "c": rows})
    write_llama(folder / "base.kld", rows.astype(float), np.ones((3, 6), int))
    return {
        "c.npy": "", "f.npy": "", "v2.npy": "", "stored.npz": ":a", "deflated.npz": ":a",
        "fortran.npz": "", "bz2.npz": "", "lzma.npz": "", "t.safetensors": ":a",
        "base.kld": "",
    }  # fmt: skip


KINDS = ("c.npy", "f.npy", "v2.npy", "stored.npz", "deflated.npz", "fortran.npz", "bz2.npz",
         "lzma.npz", "t.safetensors", "base.kld")  # fmt: skip
BITS = [
    b"(", b")", b"[", b"]", b"{", b"}", b"'", b'"', b"\\", b"#", b"\n", b"\x1b", b"\xff", b"\0",
    b"null", b"-", b"1e9", b"True", b"9" * 20, b"9" * 5000, b"*", b"[" * 9000, b"-" * 9000,
    b"(,", b"O", b"V2", b"(2,)i1", b"0x1", b"1_0", b"1if", b"\xc3", b"PK\1\2", b"\xff" * 8,
    b"\0" * 30,
]  # fmt: skip


def mutated(content, chance):
    """With a few bytes changed, taken out or put in."""
    content = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 3, 8])):
        if not content:
            break
        # Mostly near the ends, where headers and directories are.
        near = chance.choice([40, 140, 300, len(content)])
        at = min(chance.randrange(near), len(content) - 1)
        at = chance.choice([at, at, len(content) - 1 - at])
        more = chance.choice(BITS) if chance.random() < 0.5 else chance.randbytes(1)
        match chance.randrange(6):
            case 0 | 1 | 2:
                content[at : at + len(more)] = more
            case 3:
                content[at:at] = more
            case 4:
                del content[at : at + chance.choice([1, 2, 8])]
            case 5:
                del content[at if chance.random() < 0.2 else len(content) :]
    return bytes(content)


def resized(content, name):
    """A header that may have got longer, with its length put right: else little is parsed."""
    if name.endswith(".npy"):
        end = content.find(b"\n", 12)
        form, at = ("<I", 12) if content[6:7] == b"\2" else ("<H", 10)
        if content.startswith(b"\x93NUMPY") and at < end < 2**16:
            return content[:8] + struct.pack(form, end + 1 - at) + content[at:]
    if name.endswith(".safetensors") and (end := content.rfind(b"}}")) > 8:
        return struct.pack("<Q", end + 2 - 8) + content[8:]
    return content


@pytest.mark.parametrize("name", KINDS)
def test_mutated_files_are_read_or_refused_in_one_line(tmp_path, name):
    member = files_of_every_kind(tmp_path)[name]
    path = tmp_path / name
    content = path.read_bytes()
    whole(path, f"{path}{member}")
    chance = random.Random(name)
    refusals = []
    for i in range(int(os.environ.get("FUZZ", "250"))):
        spoilt = mutated(content, chance)
        if i % 2:
            spoilt = resized(spoilt, name)
        path.write_bytes(spoilt)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                whole(path, f"{path}{member}")
        except UnusableFileError as error:
            refusals.append(str(error))
    assert len(refusals) > 100
    assert all(map(str.isprintable, refusals))
    assert max(map(len, refusals)) < 1500


@pytest.mark.parametrize("read", [mask_of, tokens_of])
@pytest.mark.parametrize("name", ["c.npy", "v2.npy", "base.kld"])
def test_mutated_masks_and_tokens(tmp_path, read, name):
    files_of_every_kind(tmp_path)
    rows = open_rows(f"{tmp_path}/base.kld", "FILE")
    path = tmp_path / f"mutated-{name}"
    if name == "base.kld":
        path.write_bytes((tmp_path / name).read_bytes())
    else:
        with path.open("wb") as file:
            version = (2, 0) if name == "v2.npy" else (1, 0)
            np.lib.format.write_array(file, np.ones((3, 2), int), version=version)
    content = path.read_bytes()
    chance = random.Random(name)
    refusals = []
    for i in range(int(os.environ.get("FUZZ", "100"))):
        spoilt = mutated(content, chance)
        path.write_bytes(resized(spoilt, name) if i % 2 else spoilt)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                read(path, rows)
        except UnusableFileError as error:
            refusals.append(str(error))
    assert refusals
    assert all(map(str.isprintable, refusals))


# What is said.


def npy(header, data=b""):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def archive(name, data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(name, data)
    return file.getvalue()


def tensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


HEAD = "{'descr': '<f4', 'fortran_order': False, 'shape': "
SENSE = "its header makes no sense; copy it again, or save it with numpy.save"
SAYS = "its header does not say dtype, shape and data_offsets of 'a'; write it again"
LAPS = "its tensors overlap, or leave gaps; write it again"
BAD = {
    "a bracket that is not closed": (".npy", npy(HEAD + "(4,"), SENSE),
    "brackets": (".npy", npy("(" * 500), SENSE),
    "a calculation": (".npy", npy(HEAD + "(2**70, 3)}"), SENSE),
    "no header": (".npy", npy(""), SENSE),
    "another header": (".npy", npy("{}"), SENSE),
    "a dtype of nothing": (".npy", npy("{'descr': [], 'fortran_order': False, 'shape': ()}"),
                           "has dtype void; expected"),
    "a negative shape": (".npy", npy(HEAD + "(-4, 3)}", bytes(48)), "says shape (-4, 3)"),
    "a shape of bools": (".npy", npy(HEAD + "(True, 3)}", bytes(12)), "says shape (True, 3)"),
    "many axes": (".npy", npy(HEAD + f"{(1,) * 40}}}", bytes(4)), "has 40 axes"),
    "another file in an archive": (
        ".npz",
        archive("a.npy", b"1.0, 2.0, 3.0"),
        "does not begin as arrays of numpy.save do",
    ),
    "version 9": (".npy", b"\x93NUMPY\x09\x00" + b"x" * 100, "format version 9.0 is unknown"),
    "half a header": (".npy", npy(HEAD)[:30], "the file ends before its array does"),
    "half a magic word": (".npy", b"\x93NUMPY", "the file ends before its array does"),
    "no archive": (".npz", b"PK\3\4" + bytes(99), "list of members is missing or damaged"),
    "half a number": (".safetensors", b"\1\0\0", "the file ends before its array does"),
    "a tower": (".safetensors", tensors(b"[" * 100_000), "its header is no JSON"),
    "words": (".safetensors", tensors(b"not JSON"), "its header is no JSON"),
    "another code": (".safetensors", tensors(b'{"\xff": 1}'), "its header is no JSON"),
    "a list": (".safetensors", tensors([1]), "its header is no JSON object"),
    "null": (".safetensors", tensors({"a": None}), SAYS),
    "a number": (".safetensors", tensors({"a": 3}), SAYS),
    "no offsets": (".safetensors", tensors({"a": {"dtype": "F32", "shape": [1]}}), SAYS),
    "one offset": (".safetensors", tensors({"a": tensor([1], 0, 4) | {"data_offsets": [0]}}),
                   SAYS),
    "a list of types": (".safetensors", tensors({"a": tensor([1], 0, 4, ["F32"])}), SAYS),
    "a fraction": (".safetensors", tensors({"a": tensor([1.0], 0, 4)}, bytes(4)), SAYS),
    "a negative offset": (".safetensors", tensors({"a": tensor([1], -4, 0)}, bytes(4)), SAYS),
    "twins": (".safetensors",
              tensors(b'{"a": %b, "a": %b}' % ((json.dumps(tensor([1], 0, 4)).encode(),) * 2),
                      bytes(4)), "says something twice"),
    "overlap": (".safetensors",
                tensors({"a": tensor([2], 0, 8), "b": tensor([2], 4, 12)}, bytes(12)), LAPS),
    "the same place": (".safetensors",
                       tensors({"a": tensor([2], 0, 8), "b": tensor([2], 0, 8)}, bytes(8)),
                       LAPS),
    "a gap": (".safetensors",
              tensors({"a": tensor([1], 0, 4), "b": tensor([1], 8, 12)}, bytes(12)), LAPS),
    "another size": (".safetensors", tensors({"a": tensor([3], 0, 8)}, bytes(8)),
                     "gives 'a' another size than its shape has"),
    "a huge base": (".kld", b"_logits_" + struct.pack("<3i", *(2**31 - 1,) * 3) + bytes(99),
                    "the file ends before its array does"),
    "half a base": (".kld", b"_logits_" + bytes(2), "the file ends before its array does"),
}  # fmt: skip


@pytest.mark.parametrize(("suffix", "content", "words"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said_in_words(tmp_path, suffix, content, words):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    name = f"{path}:a" if suffix == ".safetensors" else str(path)
    with pytest.raises(UnusableFileError) as caught:
        open_rows(name, "STUDENT")
    said = str(caught.value)
    assert said.startswith(f"STUDENT {path}")
    assert words in said


def test_a_scale_that_makes_infinities_warns_of_nothing(tmp_path):
    path = write_llama(tmp_path / "a.kld", array((3, 2, 4)).astype(float), np.ones((3, 6), int))
    content = bytearray(path.read_bytes())
    content[20 + 72 : 20 + 76] = struct.pack("<f", 3e38)
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isinf(whole(path, str(path))).any()


def test_a_byte_too_many(tmp_path):
    np.save(tmp_path / "a.npy", array())
    with (tmp_path / "a.npy").open("ab") as file:
        file.write(b"\n")
    assert "a byte follows its array" in line(tmp_path / "a.npy", tmp_path / "a.npy")


@pytest.mark.parametrize("dtype", ["<u8", ">u8"])
def test_tokens_past_the_largest_signed_integer(tmp_path, dtype):
    np.save(tmp_path / "t.npy", array())
    tokens = np.full((9, 4), 2**63, dtype)
    files = [tmp_path / "t.npy"] * 2
    np.save(tmp_path / "tokens.npy", tokens)
    said = line(*files, "--tokens", tmp_path / "tokens.npy")
    assert "holds the token 9223372036854775808; the vocabulary has 5" in said
    np.save(tmp_path / "tokens.npy", tokens * 0 + 4)
    assert run(*files, "--tokens", tmp_path / "tokens.npy").exit_code == 0


@pytest.mark.parametrize("option", ["--tokens", "--mask"])
def test_tokens_and_masks_that_are_not_there_or_none(tmp_path, option):
    path = tmp_path / "t.npy"
    np.save(path, array())
    assert line(path, path, option, tmp_path / "x").endswith(
        "x cannot be read: No such file or directory"
    )
    assert line(path, path, option, tmp_path).endswith("cannot be read: Is a directory")
    assert line(path, path, option, "/dev/null").endswith("save it to a file first")
    (tmp_path / "x").write_bytes(npy(HEAD + "(4,"))
    assert SENSE in line(path, path, option, tmp_path / "x")
    np.save(tmp_path / "x.npy", np.ones((9, 4), int, order="F"))
    assert run(path, path, option, tmp_path / "x.npy").exit_code == 0
    with (tmp_path / "x.npy").open("ab") as file:
        file.write(b"more")
    assert "4 bytes follow its array" in line(path, path, option, tmp_path / "x.npy")


# Names.

NAMES = ["line\nend.npy", "\x1b[31mred.npy", "b\udcffyte.npy", "turn\u202earound.npy"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_files_stay_in_the_line(tmp_path, name):
    good, bad = tmp_path / "good.npy", tmp_path / name
    np.save(good, array())
    for written in (None, b"", b"PK", npy("(")):
        if written is not None:
            bad.write_bytes(written)
        for arguments in (
            (good, bad),
            (f"{bad}:x", good),
            (good, good, "--tokens", bad),
            (good, good, "--mask", bad),
            (good, good, "--checkpoint", tmp_path / name / "x"),
            (good, good, "--per-row", tmp_path / name / "x.csv"),
        ):
            said = line(*arguments)
            assert name.partition(".")[0][-3:] in said


@pytest.mark.parametrize("name", ["line\nend", "\x1b[31mred", "turn\u202earound", "long" * 999])
def test_names_of_tensors_stay_in_the_line(tmp_path, name):
    path = tmp_path / "a.safetensors"
    write_safetensors(path, {name: array(), "b": array()})
    assert "holds 2 tensors: " in line(path, path)
    assert "has no tensor 'c'; it holds " in line(f"{path}:c", path)
    assert len(line(path, path)) < 600
    np.savez(tmp_path / "a.npz", **{name: array(), "b": array()})
    assert "holds 2 arrays: " in line(tmp_path / "a.npz", path)


def test_names_are_escaped_as_they_would_be_typed():
    for kind in (UnusableFileError, FailedError):
        error = kind("a\nb\x1b\udcff\u2028é日 C:\\x")
        assert str(error) == r"a\nb\x1b\xff\u2028é日 C:\x"
        again = pickle.loads(pickle.dumps(error))  # as processes send them
        assert (type(again), str(again)) == (kind, str(error))


# Folders and patterns.


def values(name):
    rows = open_rows(str(name), "FILE")
    return rows.block(0, rows.count)[:, 0].tolist()


def test_a_folder_of_bases_of_llama_cpp(tmp_path):
    rows = array((5, 2, 4)).astype(float)
    tokens = np.ones((5, 6), int)
    base = write_llama(tmp_path / "all", rows, tokens)
    folder = tmp_path / "shards"
    folder.mkdir()
    for i, cut in ((9, slice(0, 2)), (10, slice(2, 5))):
        write_llama(folder / f"base-{i}.kld", rows[cut], tokens[cut])
    assert values(folder) == values(base)
    assert values(f"{folder}/base-*") == values(base)


def test_brackets_in_the_name_of_a_folder(tmp_path):
    folder = tmp_path / "d [1]"
    folder.mkdir()
    for i in (2, 10):
        np.save(folder / f"part-{i}.npy", np.full((1, 3), i, np.float32))
        np.save(folder / f"[x]-{i}.npy", np.full((1, 3), -i, np.float32))
    assert values(f"{folder}/part-*.npy") == [2, 10]
    assert values(f"{tmp_path}/d [[]1]/part-*.npy") == [2, 10]
    assert values(f"{folder}/[[]x]-*.npy") == [-2, -10]
    said = line(f"{folder}/[x]-*.npy", folder)
    assert said.endswith("matches no file; a [ of a name is written [[]")


def test_shards_in_no_order(tmp_path):
    for name in ("1.npy", "01.npy", "2.npy"):
        np.save(tmp_path / name, array())
    said = line(tmp_path, tmp_path)
    assert "1.npy" in said
    assert said.endswith("in no order; rename one")
    (tmp_path / "01.npy").unlink()
    assert len(values(tmp_path)) == 72


def test_names_of_nothing(tmp_path):
    np.save(tmp_path / "a.npy", array())
    good = tmp_path / "a.npy"
    assert "'' is no name of a file" in line(good, "")
    assert "is no folder; leave out the /" in line(good, f"{good}/")
    assert "File name too long" in line(good, "x" * 5000)
    result = run(good, good, "--per-row", f"{tmp_path}/rows.csv/")
    assert result.exit_code == 2
    assert "rows.csv/ ends with a /; name a file" in result.stderr


def test_pipes_and_devices(tmp_path):
    np.save(tmp_path / "a.npy", array())
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/null"):
        assert line(tmp_path / "a.npy", path).endswith("save it to a file first")


def test_a_file_that_is_emptied_meanwhile(tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(array()))
    rows = open_rows(f"{tmp_path}/a.npy", "FILE")
    os.truncate(tmp_path / "a.npy", 0)
    with pytest.raises(UnusableFileError, match="ends before its array does"):
        rows.block(0, 1)
