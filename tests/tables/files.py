"""Tables as text that git can compare: one case a line.

A table is a file for each function and dtype. Its lines are of two forms, with tabs between
fields:

* ``{"from_logits": true}  1b3f57c9``: options, as JSON, of the cases that follow, and the
  checksum of their operands;
* ``masked both  6x2  0.125 3.9e-17 ...  condition 1 20.1 ...  sign 1 -1 ...``: a case, that is
  the name of its regime, the shape of an operand and the truths, followed by the condition
  numbers unless all are 1, and by the signs where the call returns them.

Operands are not in the table: `plan.cases` draws them, with the same bits everywhere. If that
takes a logarithm or an exponential, whose last bit depends on the machine, they are in
``operands``, a file for each dtype whose lines are the name and the shape of the draw, then
each operand as hexadecimal literals.
"""

import json
import zlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from ..oracle.exact import FORMATS, from_text, to_text

DATA = Path(__file__).parent / "data"
OPERANDS = "operands"


@dataclass
class Line:
    """A case as it is stored; numbers are text with blanks between them."""

    regime: str
    shape: tuple[int, ...]
    truth: str
    condition: str = ""
    sign: str = ""


@dataclass
class Section:
    """The cases of a table that have options in common."""

    options: str
    checksum: int = 0
    lines: list[Line] = field(default_factory=list)

    def add(self, line, case_checksum):
        """Append a case, whose operands have this checksum."""
        self.lines.append(line)
        self.checksum = zlib.crc32(case_checksum.to_bytes(4, "little"), self.checksum)


def path_of(function, dtype):
    """Return the path of a table, or of the stored operands (`function` is OPERANDS)."""
    return DATA / function / f"{dtype}.tsv"


def read_table(function, dtype):
    """Return the sections of a table by the text of their options."""
    sections = {}
    for text in path_of(function, dtype).read_text(encoding="utf-8").splitlines():
        first, *fields = text.split("\t")
        if first.startswith("{"):
            section = sections[first] = Section(first, int(fields[0], 16))
        else:
            shape, truth, *more = fields
            optional = dict(one.split(" ", 1) for one in more)
            shape = tuple(map(int, shape.split("x")))
            section.lines.append(Line(first, shape, truth, **optional))
    return sections


def write_table(function, dtype, sections):
    """Write a table."""
    lines = []
    for section in sections.values():
        lines.append(f"{section.options}\t{section.checksum:08x}")
        lines += map(_case_text, section.lines)
    _write(path_of(function, dtype), lines)


def _case_text(line):
    fields = [line.regime, _shape_text(line.shape), line.truth]
    fields += [f"condition {line.condition}"] if line.condition else []
    fields += [f"sign {line.sign}"] if line.sign else []
    return "\t".join(fields)


def _shape_text(shape):
    return "x".join(map(str, shape))


def _write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def options_text(options):
    """Return options as JSON, by which the sections of a table are found."""
    return json.dumps(options)


def checksum(operands):
    """Return a checksum of the bits of arrays."""
    total = 0
    for array in operands:
        total = zlib.crc32(np.ascontiguousarray(array), total)
    return total


# Operands that are not drawn with the same bits everywhere ----------------------------------


def operands_key(name, operands):
    """Return the key of stored operands: the name of the draw and the shape of an operand."""
    return f"{name} {_shape_text(operands[0].shape)}"


@cache
def read_operands(dtype):
    """Return the text of all stored operands of a dtype by key."""
    lines = path_of(OPERANDS, dtype).read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines)


def stored_operands(key, dtype, shape):
    """Return stored operands, or None if there are none of this key."""
    text = read_operands(dtype).get(key)
    if text is None:
        return None
    held = FORMATS[dtype].dtype
    return tuple(from_text(one, held).reshape(shape) for one in text.split("\t"))


def write_operands(dtype, operands_by_key):
    """Replace or add stored operands."""
    path = path_of(OPERANDS, dtype)
    texts = dict(read_operands(dtype)) if path.exists() else {}
    for key, operands in operands_by_key.items():
        texts[key] = "\t".join(to_text(array.reshape(-1)) for array in operands)
    _write(path, (f"{key}\t{texts[key]}" for key in sorted(texts)))
    read_operands.cache_clear()
