"""Files that appear whole or not at all."""

import csv
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from relentropy.cli.errors import FailedError
from relentropy.cli.measures import OF_STUDENT
from relentropy.cli.report import Report

_ROWS_AT_ONCE = 1 << 16


def must_not_meet(read: Sequence[Path], written: Mapping[str, Path | None]) -> None:
    """Refuse to write over what is read, or twice over one file.

    Raises
    ------
    FailedError
        Naming the option, before anything is done.
    """
    taken = {str(path): path for path in read}
    for option, path in written.items():
        if path is None:
            continue
        for named, other in taken.items():
            if _same(path, other):
                raise FailedError(f"{option} {path} would overwrite {named}; name another file")
        taken[f"{option} {path}"] = path


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there yet
        return one.resolve() == other.resolve()


class Outputs:
    """Files to be written: tried at once, filled at the end, and renamed when all are whole."""

    def __init__(self) -> None:
        self._files: list[_Output] = []

    def add(self, option: str, path: Path, fill: Callable[[Path], None]) -> None:
        """Remember what ``fill`` is to write later.

        Raises
        ------
        FailedError
            If nothing can be written there, which a long run should not find out at its end.
        """
        if path.is_dir():
            raise FailedError(f"{option} {path} is a folder; name a file")
        output = _Output(option, path, fill)
        with _said(output):
            _beside(path).unlink()
        self._files.append(output)

    def write(self) -> None:
        """Fill all files under other names, then give them theirs.

        Raises
        ------
        FailedError
            If one cannot be written; then none appears.
        """
        made: list[tuple[_Output, Path]] = []
        try:
            for output in self._files:
                with _said(output):
                    made.append((output, _beside(output.path)))
                    output.fill(made[-1][1])
                    with made[-1][1].open("r+b") as file:
                        os.fsync(file.fileno())  # a full disk may say so only now
            for output, temporary in made:
                with _said(output):
                    temporary.chmod(0o666 & ~_umask())  # it was made for its owner alone
                    temporary.replace(output.path)
        finally:
            for _, temporary in made:
                temporary.unlink(missing_ok=True)


class _Output(NamedTuple):
    option: str
    path: Path
    fill: Callable[[Path], None]


def _beside(path: Path) -> Path:
    """Make an empty file in the same folder, so that renaming moves no data."""
    prefix, suffix = f".{path.name}.", path.suffix
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=suffix, dir=path.parent)
    os.close(handle)
    return Path(name)


@contextmanager
def _said(output: _Output) -> Iterator[None]:
    """Turn what the system says into the line that the user reads."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise FailedError(
            f"{output.option} {output.path} cannot be written: {reason}"
        ) from None


def write_rows(report: Report, path: Path) -> None:
    """Write the numbers of every row and student as csv or parquet, by the suffix."""
    if path.suffix == ".parquet":
        _write_parquet(report, path)
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for i, table in enumerate(_tables(report)):
            if i == 0:
                writer.writerow(table)
            columns = [_texts(column) for column in table.values()]
            writer.writerows(zip(*columns, strict=True))


def _write_parquet(report: Report, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("wb") as file:  # by itself pyarrow opens no name that is not UTF-8
        writer = None
        try:
            for table in _tables(report):
                made = pa.table(table)
                writer = writer or pq.ParquetWriter(file, made.schema)
                writer.write_table(made)
        finally:
            if writer is not None:
                writer.close()


def _tables(report: Report) -> Iterator[dict[str, Any]]:
    """Columns of a stretch of rows of one student, after each other."""
    job = report.job
    several = len(job.students) > 1
    for place, student in enumerate(report.students):
        for start in range(0, len(report.rows), _ROWS_AT_ONCE):
            cut = slice(start, start + _ROWS_AT_ONCE)
            rows = report.rows[cut]
            table: dict[str, Any] = {"student": [student.file] * len(rows)} if several else {}
            table |= {"row": rows, "position": report.positions[cut]}
            p = {name: report.numbers[name][cut] for name in ("entropy", "top_probability")}
            q = {name: report.numbers[f"{place}.{name}"][cut] for name in OF_STUDENT}
            table |= {name: q[name] for name in ("kl", "reverse_kl", "js", "total_variation")}
            table |= {"teacher_entropy": p["entropy"], "student_entropy": q["entropy"]}
            table |= {
                "teacher_top": report.numbers["top"][cut].astype(np.int64),
                "student_top": q["top"].astype(np.int64),
                "teacher_top_probability": p["top_probability"],
                "student_probability_of_teacher_top": q["top_probability"],
            }
            if job.tokens is not None:
                table |= {
                    "token": job.tokens[rows],
                    "teacher_log_prob": report.numbers["log_prob"][cut],
                    "student_log_prob": q["log_prob"],
                }
            yield table


def _texts(column: Any) -> list[Any]:
    """Numbers as Python writes them, which is with all their digits."""
    return column if isinstance(column, list) else list(column.tolist())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
