"""Write the numeric constants of formulas and kernels; ``--check`` fails where a file differs.

Polynomials are Chebyshev fits by mpmath, whose error is within a small factor of the minimax
one, rounded to the precision in which they are evaluated. This program fits them, measures
their largest error after rounding, and writes them, with the thresholds that Python, C++ and
Triton share, to ``_arrays/coefficients.py``, whose numbers Triton's kernels read too, and to
``native/arithmetic/coefficients.hpp``.
"""

from __future__ import annotations

import struct
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import mpmath
from mpmath import mp, mpf

from . import write

ROOT = Path(__file__).parents[1]
PACKAGE = Path("src/relentropy")
PYTHON = PACKAGE / "_arrays/coefficients.py"
CPP = PACKAGE / "_engines/native/arithmetic/coefficients.hpp"
_DIGITS, _POINTS = 50, 401

# --- functions --------------------------------------------------------------------------------


def _atanh(y: mpf) -> mpf:
    s = mpmath.sqrt(y)
    return (mpmath.atanh(s) / s - 1) / y if y else mpf(1) / 3


def _exp(x: mpf) -> mpf:
    return (mpmath.exp(x) - 1 - x) / x**2 if x else mpf(1) / 2


def _exp_rest(x: mpf) -> mpf:
    return (_exp(x) - mpf(1) / 2) / x if x else mpf(1) / 6


def _js(y: mpf) -> mpf:
    t = mpmath.sqrt(y)
    return (
        ((1 + t) * mpmath.log1p(t) + (1 - t) * mpmath.log1p(-t)) / (4 * y) if y else mpf(1) / 4
    )


def _js_log(z: mpf) -> mpf:
    t = mpmath.tanh(mpmath.sqrt(z) / 2)
    return t**2 * _js(t**2) / z if z else mpf(1) / 16


ATANH = "(atanh(s)/s - 1)/s**2 in y = s**2"
EXP = "(exp(x) - 1 - x)/x**2"
JS = "((1+t)*log1p(t) + (1-t)*log1p(-t))/(4*t**2) in y = t**2"
JS_LOG = "t**2*JS_TAIL(t**2)/u**2 with t = tanh(u/2), in z = u**2"
_VALUES: dict[str, Callable[[mpf], mpf]] = {ATANH: _atanh, EXP: _exp, JS: _js, JS_LOG: _js_log}


# --- tables -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """The coefficients of one polynomial, highest power first."""

    name: str
    function: str
    interval: tuple[str, str]
    """Ends, as mpmath reads them."""
    terms: int
    files: str
    """Initials of the files that have it: p (Python and Triton) or c (C++)."""
    single: bool = False
    """Whether coefficients are rounded to float32."""
    fixed: bool = False
    """Whether the last coefficient is exactly 1/2, and the fit that of the rest."""
    apart: bool = False
    """Whether C++ has the last coefficient, which is a power of two, by itself."""
    series: tuple[str, ...] = ()
    """Coefficients of Taylor's series in place of a fit."""

    @property
    def ends(self) -> tuple[mpf, mpf]:
        """The interval's ends as numbers."""
        return _number(self.interval[0]), _number(self.interval[1])

    def coefficients(self) -> tuple[float, ...]:
        """Return the rounded coefficients."""
        return _coefficients(self)

    def error(self) -> float:
        """Return the largest error of the rounded polynomial, by a grid of the interval."""
        with mp.workdps(_DIGITS):
            low, high = self.ends
            points = (low + (high - low) * k / (_POINTS - 1) for k in range(_POINTS))
            values = _VALUES[self.function]
            numbers = [mpf(c) for c in self.coefficients()]
            errors = (abs(mpmath.polyval(numbers, x) - _wide(values, x)) for x in points)
            return float(max(errors))

    def described(self) -> str:
        """Return what is computed, where, how, and how accurately."""
        low, high = self.interval
        how = "Taylor's series" if self.series else "Chebyshev fit"
        return (
            f"{self.function} on [{low}, {high}]: {how}, {len(self.coefficients())} terms, "
            f"at most {self.error():.1e} off"
        )


def _number(text: str) -> mpf:
    with mp.workdps(_DIGITS):
        sign, text = (-1, text[1:]) if text.startswith("-") else (1, text)
        if text == "log(2)/2*1.0001":
            return sign * mpmath.log(2) / 2 * mpf("1.0001")
        return sign * mpf(text)


def _wide(values: Callable[[mpf], mpf], x: mpf) -> mpf:
    """Return a function's value with digits to spare for what cancels in it."""
    with mp.workdps(3 * _DIGITS):
        return values(mpf(x))


@cache
def _coefficients(table: Table) -> tuple[float, ...]:
    with mp.workdps(_DIGITS):
        if table.series:
            numbers = [
                mpf(n) / mpf(d or 1) for n, _, d in (s.partition("/") for s in table.series)
            ]
        else:
            values = _exp_rest if table.fixed else _VALUES[table.function]
            numbers = mpmath.chebyfit(
                lambda x: _wide(values, x), list(table.ends), table.terms - table.fixed
            )
            numbers += [mpf(1) / 2] * table.fixed
        rounded = map(float, numbers)
        return tuple(map(_single, rounded) if table.single else rounded)


def _single(x: float) -> float:
    return float(struct.unpack("f", struct.pack("f", x))[0])


_NEAR = ("-log(2)/2*1.0001", "log(2)/2*1.0001")
TABLES = (
    Table("ATANH_TAIL", ATANH, ("0", "0.0402"), 8, "c"),
    Table("ATANH_TAIL_BRIEF", ATANH, ("0", "0.0402"), 7, "c"),
    Table("ATANH_TAIL_SHARE", ATANH, ("0", "0.1112"), 12, "c"),
    Table("ATANH_TAIL_SHARE_BRIEF", ATANH, ("0", "0.1112"), 8, "c"),
    Table("ATANH_TAIL_FAR", ATANH, ("0", "0.2501"), 14, "pc"),
    Table("ATANH_TAIL_FAR_SINGLE", ATANH, ("0", "0.2501"), 7, "p", single=True),
    Table("ATANH_TAIL_SHORT", ATANH, ("0", "0.000244140625"), 4, "p",
          series=("1/9", "1/7", "1/5", "1/3")),
    Table("EXP_TAIL", EXP, _NEAR, 11, "pc"),
    Table("EXP_TAIL_BRIEF", EXP, _NEAR, 9, "c"),
    Table("EXP_TAIL_QUARTER", EXP, ("-0.25", "0.25"), 9, "c"),
    Table("EXP_TAIL_HALF", EXP, ("-0.5", "0.5"), 10, "c", fixed=True),
    Table("EXP_TAIL_NEAR", EXP, ("-1", "1"), 13, "c"),
    Table("EXP_TAIL_FAR", EXP, ("-2", "2"), 17, "pc"),
    Table("EXP_TAIL_SHORT", EXP, ("-0.03125", "0.03125"), 6, "pc",
          series=("1/5040", "1/720", "1/120", "1/24", "1/6", "1/2")),
    Table("EXP_TAIL_SINGLE", EXP, ("-0.3466", "0.3466"), 6, "p", single=True),
    Table("EXP_TAIL_FAR_SINGLE", EXP, ("-2", "2"), 11, "p", single=True),
    Table("EXP_TAIL_SHORT_SINGLE", EXP, ("-0.25", "0.25"), 5, "p",
          series=("1/720", "1/120", "1/24", "1/6", "1/2")),
    Table("JS_TAIL", JS, ("0", "0.3601"), 16, "pc", apart=True),
    Table("JS_TAIL_SINGLE", JS, ("0", "0.3601"), 8, "p", single=True),
    Table("JS_TAIL_SHORT", JS, ("0", "0.0009765625"), 5, "p",
          series=("1/180", "1/112", "1/60", "1/24", "1/4")),
    Table("JS_LOG_TAIL", JS_LOG, ("0", "2.2501"), 14, "pc", apart=True),
    Table("JS_LOG_TAIL_SINGLE", JS_LOG, ("0", "2.2501"), 7, "p", single=True),
    Table("JS_LOG_TAIL_SHORT", JS_LOG, ("0", "0.0009765625"), 4, "p",
          series=("-17/184320", "1/1152", "-1/128", "1/16")),
)  # fmt: skip


@dataclass(frozen=True)
class Constant:
    """A number that formulas and kernels share."""

    name: str
    value: float
    files: str
    text: str


CONSTANTS = (
    Constant(
        "HEADROOM", 300.0, "pc",
        "exp(2*HEADROOM) times any row's length does not overflow in float64, and "
        "exp(-HEADROOM) times it is below half an ulp of 1.",
    ),
    Constant(
        "SUBNORMAL", 1e-290, "pc",
        "Below it a factor of a product of float64 may have lost digits to the range's end.",
    ),
    Constant("SPLITTER", 2.0**27 + 1, "pc", "Halves a significand of float64 (Dekker)."),
    Constant("SPLITTER_SINGLE", 2.0**12 + 1, "p", "Halves a significand of float32 (Dekker)."),
    Constant(
        "SHORTENER", 2.0**24 + 1, "p",
        "Splits off the bits of a ratio whose product with a float32 is exact.",
    ),
    Constant(
        "LOG2_HI", float.fromhex("0x1.62e42fee00000p-1"), "pc",
        "log(2) less LOG2_LO, with 21 zeros at its end.",
    ),
    Constant("LOG2_LO", float.fromhex("0x1.a39ef35793c76p-33"), "pc", "What LOG2_HI lacks."),
    Constant("LOG2", float.fromhex("0x1.62e42fefa39efp-1"), "c", "log(2)."),
    Constant("LOG2_E", float.fromhex("0x1.71547652b82fep+0"), "pc", "1/log(2)."),
)  # fmt: skip
SCALINGS = (
    (2.0**960, 2.0**-80), (2.0**300, 1.0), (2.0**-100, 2.0**400), (2.0**-500, 2.0**800),
    (0.0, 2.0**1000),
)  # fmt: skip
SCALINGS_TEXT = (
    "Powers of two that bring weights into the middle of float64's range, by their least size."
)


# --- files ------------------------------------------------------------------------------------


def python() -> str:
    """Return the text of ``_arrays/coefficients.py``."""
    lines = [
        '"""Coefficients of polynomials, highest power first, and thresholds of the formulas.',
        "",
        "Written by ``python -m tools.coefficients``, which fits and measures them.",
        '"""',
        "",
        "",
        "def _floats(text: str) -> tuple[float, ...]:",
        "    return tuple(map(float.fromhex, text.split()))",
        "",
        "",
    ]
    for constant in _of(CONSTANTS, "p"):
        lines += [*_comment("# ", constant.text), f"{constant.name} = {constant.value!r}"]
    lines += [*_comment("# ", SCALINGS_TEXT), "SCALINGS = ("]
    lines += [f"    ({size!r}, {power!r})," for size, power in SCALINGS]
    lines += [")", ""]
    for table in _of(TABLES, "p"):
        numbers = textwrap.wrap(" ".join(c.hex() for c in table.coefficients()), 88)
        lines += [*_comment("# ", table.described()), f"{table.name} = _floats("]
        lines += ['    """']
        lines += [f"    {line}" for line in numbers]
        lines += ['    """', ")"]
    return "\n".join(lines) + "\n"


def cpp() -> str:
    """Return the text of ``native/arithmetic/coefficients.hpp``."""
    lines = [
        "// Coefficients of polynomials, highest power first, and thresholds of the kernels.",
        "//",
        "// Written by `python -m tools.coefficients`, which fits and measures them.",
        "#pragma once",
        "",
        "namespace relentropy {",
        "namespace RELENTROPY_SET {",
        "",
        "// clang-format off",
    ]
    for constant in _of(CONSTANTS, "c"):
        lines += _comment("// ", constant.text)
        lines += [
            f"constexpr double {constant.name} = {constant.value.hex()};  // {constant.value!r}"
        ]
    for table in _of(TABLES, "c"):
        numbers = table.coefficients()
        lines += _comment("// ", table.described())
        if table.apart:
            lines += _comment("// ", f"The last coefficient, {numbers[-1]!r}, is apart.")
            numbers = numbers[:-1]
        lines += [f"constexpr double {table.name}[] = {{"]
        lines += [
            f"    {line}" for line in textwrap.wrap(", ".join(c.hex() for c in numbers), 92)
        ]
        lines += ["};"]
    lines += [
        "// clang-format on",
        "",
        "}  // namespace RELENTROPY_SET",
        "}  // namespace relentropy",
    ]
    return "\n".join(lines) + "\n"


def _of(some: tuple, initial: str) -> Iterator:
    return (one for one in some if initial in one.files)


def _comment(start: str, text: str) -> list[str]:
    return textwrap.wrap(text, 92, initial_indent=start, subsequent_indent=start)


# --- command ----------------------------------------------------------------------------------


def outputs(root: Path = ROOT) -> dict[Path, str]:
    """Return the text of every file that this program writes."""
    return {root / PYTHON: python(), root / CPP: cpp()}


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write the files, or name those that differ."""
    return write(outputs(root), root, "tools.coefficients", check="--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
