"""How much of this library one call passes: what a reader has to follow, and a small call pays.

`docs/how/house.md` states the numbers.
"""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import relentropy
from relentropy._engines import config, front

SOURCES = Path(relentropy.__file__).parent
PAGE = Path(__file__).parents[2] / "docs/how/house.md"
A, B = np.random.default_rng(0).standard_normal((2, 3, 51))


def passed(call):
    """Return (file, function) of every call of this library's Python functions.

    Generator expressions count, once for each value.
    """
    calls = []

    def note(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(str(SOURCES)):
            calls.append((frame.f_code.co_filename, frame.f_code.co_name))

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return calls


def divergence(a=A, b=B):
    return relentropy.kl_divergence(a, b, from_logits=True)


def first():
    """A call of a new kind, by a process that has made others."""
    divergence(A[:, :5], B[:, :5])
    front.forget()
    return passed(divergence)


def repeated():
    divergence()
    return passed(divergence)


def by_formulas():
    with config.using("generic"):
        divergence(A[:, :5], B[:, :5])
        return passed(divergence)


CALLS = {"first": (first, 120), "repeated": (repeated, 20), "formulas": (by_formulas, 360)}


@pytest.mark.skipif(config.engine() is None, reason="the engine is not built")
@pytest.mark.parametrize("kind", CALLS)
def test_a_call_passes_no_more_than_the_page_says(kind):
    noted, most = CALLS[kind]
    calls = noted()
    counts = len(calls), len(set(calls)), len({file for file, _ in calls})
    row = re.search(rf"^\| {kind} .*\| (\d+) \| (\d+) \| (\d+) \|$", PAGE.read_text(), re.M)
    assert row, f"the page has no row for {kind}: {counts}"
    assert all(count <= int(said) for count, said in zip(counts, row.groups(), strict=True))
    assert int(row[1]) <= most
