"""Numeric constants are those that the program which fits them writes."""

import re
import shutil

import pytest
from mpmath import mp
from tools import coefficients

from relentropy._arrays import coefficients as python

FILES = (coefficients.PYTHON, coefficients.CPP)


def test_files_are_what_the_program_writes():
    assert coefficients.main(["--check"]) == 0


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_changed_digit_is_found(path, tmp_path, capsys):
    for copied in FILES:
        (tmp_path / copied).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(coefficients.ROOT / copied, tmp_path / copied)
    text = (tmp_path / path).read_text("utf-8")
    (tmp_path / path).write_text(text.replace("2", "3", 1), "utf-8")
    assert coefficients.main(["--check"], tmp_path) == 1
    expected = f"{path} differs: run python -m tools.coefficients\n"
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("table", coefficients.TABLES, ids=lambda table: table.name)
def test_polynomials_are_as_accurate_as_is_said(table):
    """Between the points of the grid that the program measures on, by other expressions."""
    said = float(re.search(r"at most (\S+) off", table.described())[1])
    low, high = table.ends
    with mp.workdps(60):
        for k in range(29):
            x = low + (high - low) * (k + mp.mpf("0.37")) / 29
            value = mp.polyval([mp.mpf(c) for c in table.coefficients()], x)
            assert abs(value - TRUTHS[table.function](x)) <= 1.1 * said


def half_sum(t):
    """The Jensen-Shannon term's series: sum(t**(2*k)/(4*(k + 1)*(2*k + 1)))."""
    return mp.nsum(lambda k: t ** (2 * k) / (4 * (k + 1) * (2 * k + 1)), [0, mp.inf])


TRUTHS = {
    coefficients.ATANH: lambda y: mp.nsum(lambda k: y**k / (2 * k + 3), [0, mp.inf]),
    coefficients.EXP: lambda x: mp.nsum(lambda k: x**k / mp.factorial(k + 2), [0, mp.inf]),
    coefficients.JS: lambda y: half_sum(mp.sqrt(y)),
    coefficients.JS_LOG: lambda z: (
        mp.tanh(mp.sqrt(z) / 2) ** 2 * half_sum(mp.tanh(mp.sqrt(z) / 2)) / z
    ),
}


def test_the_languages_have_the_same_numbers():
    """The C++ literals, read by Python, are the numbers of the formulas."""
    text = (coefficients.ROOT / coefficients.CPP).read_text("utf-8")
    tables = re.findall(r"double (\w+)\[\] = \{(.*?)\};", text, re.DOTALL)
    shared = 0
    for name, body in tables:
        numbers = tuple(map(float.fromhex, re.findall(r"-?0x[^,\s]+", body)))
        if hasattr(python, name):
            assert getattr(python, name)[: len(numbers)] == numbers
            shared += 1
    assert shared == 6
