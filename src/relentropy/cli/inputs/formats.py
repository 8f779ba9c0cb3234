"""The four kinds of files, by what they begin with: where their array is, and what it holds."""

import json
import math
import struct
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from relentropy.cli.errors import UnusableFileError
from relentropy.cli.inputs.readers import Deflated, Fortran, Plain, Quantised, Reader, refuse

READABLE = "float16, bfloat16, float32 or float64"
_NPY, _ZIP, _LLAMA = b"\x93NUMPY", b"PK", b"_logits_"
_SAFETENSORS = {"F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8"}
# The limit of the safetensors library itself.
_LONGEST_HEADER = 100_000_000
_NAMES_SHOWN = 8


def reader_of(path: Path, member: str | None, argument: str) -> Reader:
    """Find the array of a file, or of its member.

    Raises
    ------
    UnusableFileError
        If there is none, or none of floating-point numbers.
    """
    name = path if member is None else f"{path}:{member}"
    try:
        with path.open("rb") as file:
            reader = _found(path, member, file, argument)
    except UnusableFileError:
        raise
    except OSError as error:
        raise refuse(argument, name, f"cannot be read: {error.strerror or error}") from None
    except EOFError:
        why = "cannot be read: the file ends before its array does; copy it again"
        raise refuse(argument, name, why) from None
    except (ValueError, KeyError, TypeError, struct.error, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise refuse(argument, name, f"cannot be read: {reason}") from None
    if not reader.shape:
        raise refuse(
            argument, name, "holds a single number; expected an array of at least one axis"
        )
    if 0 in reader.shape:
        why = f"is empty, shape {reader.shape}; expected at least one row"
        raise refuse(argument, name, why)
    if len(reader.shape) == 1:
        reader.shape = (1, *reader.shape)
    return reader


def _found(path: Path, member: str | None, file: IO[bytes], argument: str) -> Reader:
    start = file.read(8)
    file.seek(0)
    if start.startswith(_NPY):
        _without_member(path, member, argument)
        return _npy(path, file, argument)
    if start.startswith(_ZIP):
        return _npz(path, member, file, argument)
    if start == _LLAMA:
        _without_member(path, member, argument)
        return _llama(path, file)
    if path.suffix == ".safetensors":
        return _safetensors(path, member, file, argument)
    why = (
        "is not a .npy file, nor .npz, .safetensors or a base of llama.cpp; save one array "
        "with numpy.save"
    )
    raise refuse(argument, path, why)


def _without_member(path: Path, member: str | None, argument: str) -> None:
    if member is not None:
        raise refuse(argument, f"{path}:{member}", f"holds one array; leave out ':{member}'")


def _npy(path: Path, file: IO[bytes], argument: str) -> Reader:
    shape, fortran, storage, dtype = _npy_header(file, path, argument)
    offset = file.tell()
    _check_size(path.stat().st_size, offset + math.prod(shape) * storage.itemsize)
    kind = Fortran if fortran and len(shape) > 1 else Plain
    return kind(path, offset, shape, storage, dtype)


def _npy_header(
    file: IO[bytes], name: object, argument: str
) -> tuple[tuple[int, ...], bool, np.dtype[Any], str]:
    version = np.lib.format.read_magic(file)
    if version not in {(1, 0), (2, 0)}:
        raise ValueError(f"its format version {version} is unknown; save it with numpy.save")
    header = getattr(np.lib.format, f"read_array_header_{version[0]}_{version[1]}")
    shape, fortran, storage = header(file)
    if storage.hasobject:
        raise ValueError(f"it holds Python objects; expected {READABLE}")
    # numpy has no bfloat16 and saves it as two bytes without a meaning.
    if storage.kind == "V" and storage.itemsize == 2 and not storage.names:
        return shape, fortran, np.dtype("<u2"), "bfloat16"
    if storage.name not in {"float16", "float32", "float64"}:
        raise refuse(argument, name, f"has dtype {storage.name}; expected {READABLE}")
    return shape, fortran, storage, storage.name


def _npz(path: Path, member: str | None, file: IO[bytes], argument: str) -> Reader:
    with zipfile.ZipFile(file) as archive:
        names = [one.removesuffix(".npy") for one in archive.namelist() if one.endswith(".npy")]
        member = _chosen(path, member, names, "array", argument)
        info = archive.getinfo(f"{member}.npy")
        if info.flag_bits & 1:
            raise ValueError("it is encrypted; save it with numpy.savez")
        with archive.open(info) as stream:
            found = _npy_header(stream, f"{path}:{member}", argument)
            offset = stream.tell()
    shape, fortran, storage, dtype = found
    _check_size(info.file_size, offset + math.prod(shape) * storage.itemsize)
    if info.compress_type != zipfile.ZIP_STORED:
        if fortran and len(shape) > 1:
            raise ValueError("it is compressed and in Fortran order; save it with numpy.save")
        return Deflated(path, info.filename, offset, shape, storage, dtype)
    file.seek(info.header_offset)
    # Section 4.3.7 of the zip specification: lengths of a name and of more, then both.
    *_, name, extra = struct.unpack("<4s5H3I2H", file.read(30))
    offset += info.header_offset + 30 + name + extra
    kind = Fortran if fortran and len(shape) > 1 else Plain
    return kind(path, offset, shape, storage, dtype)


def _safetensors(path: Path, member: str | None, file: IO[bytes], argument: str) -> Reader:
    # https://huggingface.co/docs/safetensors: the header's length in 8 bytes, then its JSON.
    # The package gives no part of a bfloat16 tensor to numpy, so that it is read from here.
    (length,) = struct.unpack("<Q", file.read(8))
    size = path.stat().st_size
    if length > _LONGEST_HEADER:
        raise ValueError("its header has no sensible length; is it a .safetensors file?")
    if 8 + length > size:
        raise EOFError
    header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    names = [name for name in header if name != "__metadata__"]
    member = _chosen(path, member, names, "tensor", argument)
    tensor = header[member]
    begin, end = tensor["data_offsets"]
    shape = tuple(int(one) for one in tensor["shape"])
    if tensor["dtype"] not in _SAFETENSORS:
        why = f"has dtype {tensor['dtype']}; expected {READABLE}"
        raise refuse(argument, f"{path}:{member}", why)
    storage = np.dtype(_SAFETENSORS[tensor["dtype"]])
    if end - begin != math.prod(shape) * storage.itemsize or min((begin, *shape)) < 0:
        raise ValueError("its header contradicts itself; write it again")
    last = max(header[name]["data_offsets"][1] for name in names)
    _check_size(size, 8 + length + last)
    dtype = "bfloat16" if tensor["dtype"] == "BF16" else storage.name
    return Plain(path, 8 + length + begin, shape, storage, dtype)


def _llama(path: Path, file: IO[bytes]) -> Reader:
    _, shape, offset = _llama_header(file)
    reader = Quantised(path, offset, shape)
    _check_size(path.stat().st_size, offset + math.prod(shape[:-1]) * reader.stride * 2)
    return reader


def llama_tokens(path: Path) -> np.ndarray[Any, Any] | None:
    """The tokens that the rows of a base of llama.cpp predict; None for other files."""
    with path.open("rb") as file:
        if file.read(8) != _LLAMA:
            return None
        file.seek(0)
        return _llama_header(file)[0]


def _llama_header(file: IO[bytes]) -> tuple[np.ndarray[Any, Any], tuple[int, ...], int]:
    # tools/perplexity/perplexity.cpp: after the magic word the context's length, the vocabulary
    # and the number of chunks; then all tokens. A chunk has rows of its second half, but for
    # the last token, which nothing follows.
    file.seek(8)
    context, vocabulary, chunks = struct.unpack("<3i", file.read(12))
    if min(context, vocabulary, chunks) < 1:
        raise ValueError("its header makes no sense; write it again with llama-perplexity")
    count = chunks * context
    stored = file.read(4 * count)
    if len(stored) < 4 * count:
        raise EOFError
    tokens = np.frombuffer(stored, "<i4").reshape(chunks, context)
    first = context // 2
    return tokens[:, first + 1 :], (chunks, context - 1 - first, vocabulary), 20 + 4 * count


def _chosen(path: Path, member: str | None, names: list[str], what: str, argument: str) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", ..." if len(names) > _NAMES_SHOWN else "")
    if not names:
        raise refuse(argument, path, f"holds no {what}s")
    if member is None and len(names) > 1:
        why = f"holds {len(names)} {what}s: {shown}; name one: {path}:{names[0]}"
        raise refuse(argument, path, why)
    if member is not None and member not in names:
        raise refuse(argument, path, f"has no {what} {member!r}; it holds {shown}")
    return names[0] if member is None else member


def _check_size(size: int, expected: int) -> None:
    if size < expected:
        raise EOFError
    if size > expected:
        raise ValueError(
            f"{size - expected:,} bytes follow its array; is it still being written?"
        )
