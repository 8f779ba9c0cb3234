"""A file that an interrupted run goes on from."""

import hashlib
import json
import platform
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

import relentropy
from relentropy.cli.errors import FailedError
from relentropy.cli.measures import Job, Numbers

_MAGIC = b"relentropy checkpoint 1\n"
_HEAD = struct.Struct("<QI")  # a block's number, and the check sum of that and its numbers


class Checkpoint:
    """Numbers of finished blocks, appended as they come.

    A block counts if all of it is there and its check sum is right, so that a run may be killed
    at any time; what follows the last such block is cut off.

    Parameters
    ----------
    path : pathlib.Path
        The file. It is made if there is none.
    job : Job
        What is measured; a file of another job is refused.

    Raises
    ------
    FailedError
        If the file cannot be used.
    """

    def __init__(self, path: Path, job: Job) -> None:
        self.path, self.job = path, job
        self._file: IO[bytes] | None = None

    def resume(self) -> dict[int, Numbers]:
        """Blocks that are there already; what is added from now on follows them."""
        try:
            # Neither "r+b" nor "a" makes a file and can cut it.
            self.path.touch()
            self._file = self.path.open("r+b")
            return self._found(self._file)
        except OSError as error:
            raise self._failed(error) from None

    def add(self, block: int, numbers: Numbers) -> None:
        """Append a block."""
        assert self._file is not None
        data = np.ascontiguousarray(numbers, "<f8").tobytes()
        try:
            self._file.write(_HEAD.pack(block, _check(block, data)) + data)
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Leave the file for another run."""
        if self._file is not None:
            with suppress(OSError):  # the disk is full, which was said already
                self._file.close()

    def remove(self) -> None:
        """Delete the file, once its results are elsewhere."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _found(self, file: IO[bytes]) -> dict[int, Numbers]:
        head = _MAGIC + _fingerprint(self.job)
        start = file.read(len(head))
        if not head.startswith(start):
            why = (
                "is of another comparison (files, options or versions differ)"
                if start.startswith(_MAGIC)
                else "is no checkpoint"
            )
            raise FailedError(f"--checkpoint {self.path} {why}; delete it or name another")
        if len(start) < len(head):
            file.seek(0)
            file.write(head)
            file.truncate()
            file.flush()
            return {}
        blocks: dict[int, Numbers] = {}
        good = file.tell()
        while (found := self._next(file)) is not None:
            blocks[found[0]] = found[1]
            good = file.tell()
        file.seek(good)
        file.truncate()
        return blocks

    def _next(self, file: IO[bytes]) -> tuple[int, Numbers] | None:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        block, check = _HEAD.unpack(head)
        if block >= self.job.blocks:
            return None
        rows, width = self.job.rows_of(block), len(self.job.columns)
        data = file.read(8 * width * (rows.stop - rows.start))
        if len(data) < 8 * width * (rows.stop - rows.start) or _check(block, data) != check:
            return None
        return block, np.frombuffer(data, "<f8").reshape(-1, width).astype(np.float64)

    def _failed(self, error: OSError) -> FailedError:
        return FailedError(
            f"--checkpoint {self.path} cannot be written: {error.strerror or error}"
        )


def _check(block: int, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(block.to_bytes(8, "little")))


def _fingerprint(job: Job) -> bytes:
    """All that decides a bit of the numbers, as a line."""
    facts: dict[str, Any] = {
        "files": [one.stamps for one in job.sources],
        "members": [one.name for one in job.sources],
        "options": [job.probs, job.base, job.teacher.vocabulary, job.step, job.columns],
        "rows": [None if one is None else _digest(one) for one in (job.mask, job.tokens)],
        "versions": [relentropy.__version__, np.__version__, platform.machine()],
    }
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    return f"{digest}\n".encode()


def _digest(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
