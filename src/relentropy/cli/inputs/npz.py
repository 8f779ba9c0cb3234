"""Files of `numpy.savez` and `numpy.savez_compressed`."""

import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO

from relentropy.cli.inputs.damage import DamagedError, check_size, exactly, understood
from relentropy.cli.inputs.members import chosen
from relentropy.cli.inputs.npy import dtype_of, npy_header, stored_as
from relentropy.cli.inputs.readers import Deflated, Fortran, Reader, Stored

MAGIC = b"PK"
_AT_ONCE = 1 << 20


def npz(path: Path, member: str | None, file: IO[bytes], argument: str) -> Reader:
    """The array of a member."""
    with understood("its list of members is missing or damaged; copy it again"):
        archive = zipfile.ZipFile(file)
        infos = {one.filename: one for one in archive.infolist()}
    names = [one.removesuffix(".npy") for one in infos if one.endswith(".npy")]
    member = chosen(path, member, names, "array", argument)
    info = infos[f"{member}.npy"]
    if info.flag_bits & 1:
        raise DamagedError("it is encrypted; save it with numpy.savez")
    with understood(_DAMAGED), archive.open(info) as stream:
        header = npy_header(stream)
        offset = stream.tell()
    dtype = dtype_of(header, f"{path}:{member}", argument)
    check_size(info.file_size, offset + header.nbytes)
    shape, storage = header.shape, stored_as(header)
    if info.compress_type != zipfile.ZIP_STORED:
        if header.fortran:
            why = "it is compressed and in Fortran order; save it with numpy.save"
            raise DamagedError(why)
        return Deflated(path, info.filename, offset, shape, storage, dtype)
    if info.compress_size != info.file_size:
        raise DamagedError(_DAMAGED)
    begin = _begin(info, file)
    if begin + info.file_size > path.stat().st_size:
        raise EOFError
    if header.fortran:
        _check(archive, info)
        return Fortran(path, begin + offset, shape, storage, dtype)
    file.seek(begin)
    sum_before = zlib.crc32(exactly(file, offset))
    return Stored(path, begin + offset, shape, storage, dtype, sum_before, info.CRC)


def _begin(info: zipfile.ZipInfo, file: IO[bytes]) -> int:
    """Where a member begins: section 4.3.7 of the zip specification.

    There are lengths of a name and of more, then both.
    """
    file.seek(info.header_offset)
    *_, name, extra = struct.unpack("<4s5H3I2H", exactly(file, 30))
    return info.header_offset + 30 + int(name) + int(extra)


def _check(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Read a member once for its check sum.

    Rows are taken from all over it, so that their bytes never come in the sum's order.
    """
    with understood(_DAMAGED), archive.open(info) as stream:
        while stream.read(_AT_ONCE):
            pass


_DAMAGED = "the member is damaged; copy the file again"
