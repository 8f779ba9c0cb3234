"""What the reports are made of; their figures are nobody's business here."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from bench import rivals
from bench.accuracy.page import page
from bench.accuracy.reproducer import reproducer
from bench.accuracy.slopes import Slope
from bench.accuracy.worst import Worst
from bench.digits import errors, picture, students
from bench.digits import report as digits
from bench.timing import UNIT, interleaved

import relentropy
from relentropy.testing.report import markdown as table

from .suite.measured import Measured
from .tables.load import Case


def worst(**changes):
    own = {
        "function": "kl_div", "dtype": "float64", "backend": "numpy", "ulp": 1.0,
        "allowed": 3.0, "points": 9, "where": "far", "call": "kl_div(1.0, 2.0)\n    = 0.3",
    }  # fmt: skip
    return Worst(**own | changes)


def test_a_table_has_lines_of_equal_length():
    lines = table(["", "a long title"], [["row", "1"], ["a longer row", "12"]]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].endswith("-: |")


def test_the_same_figures_give_the_same_page_in_any_order():
    figures = [worst(), worst(dtype="float32", allowed=1.0)]
    orders = figures, figures[::-1]
    pages = {page(("kl_div",), ("numpy",), order, []) for order in orders}
    assert len(pages) == 1


def test_an_error_above_its_bound_stands_out():
    assert "**4.00 (2)**" in page(("kl_div",), ("numpy",), [worst(ulp=4.0, above=2)], [])


def test_derivatives_have_a_row_a_function_and_a_column_a_backend_and_dtype():
    slopes = [
        Slope("kl_div", dtype, "torch", ulp, 3.0, 24, "somewhere")
        for dtype, ulp in (("float32", 0.5), ("float64", 3.5))
    ]
    text = page(("kl_div", "entr"), ("torch",), [], slopes)
    section = text.partition("## Derivatives")[2]
    (row,) = (line for line in section.splitlines() if line.startswith("| `kl_div`"))
    assert [cell.strip() for cell in row.split("|")[2:-1]] == ["0.50", "**3.50**", "1, 1, 1, 3"]


def test_a_reproducer_reads_back_in_its_own_dtype():
    x, y = np.float32([0.1]), np.float32([1 / 3])
    case = Case(
        "kl_div", "far", "float32", (x, y), {}, np.array([0.1]), np.zeros(1), np.ones(1)
    )
    where, call = reproducer(Measured(case, x, np.zeros(1), np.zeros(1, bool)), (0,))
    assert where == "far"
    assert call.startswith("kl_div(0.1, 0.33333334)\n")
    assert np.float32("0.33333334") == y[0]


def test_a_long_row_is_shortened():
    row = np.arange(20.0)[None]
    one = np.ones(1)
    options = {"from_logits": True}
    case = Case("entropy", "flat", "float64", (row,), options, one, one, one)
    where, call = reproducer(Measured(case, one, np.zeros(1), np.zeros(1, bool)), (0,))
    assert where == "flat, n = 20"
    assert call.startswith("entropy([0.0, 1.0, 2.0, …, 19.0], from_logits=True)")


def test_ratios_are_to_the_unit():
    seconds = iter([2.0, 1.0] * 3)
    calls = {UNIT: lambda: None, "ours": lambda: None}
    result = interleaved("none", 1, calls, rounds=3, timer=lambda *_: next(seconds))
    assert result.seconds == 2
    assert result.ratios["ours"].median == 0.5


@pytest.mark.parametrize("from_logits", [False, True])
def test_rivals_compute_the_same_where_it_is_easy(from_logits):
    torch = pytest.importorskip("torch")
    p, q = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[3.0, 2.0, 1.0]])
    rival = rivals.torch_kl_logits if from_logits else rivals.torch_kl_weights
    ours = relentropy.kl_divergence(p, q, from_logits=from_logits)
    torch.testing.assert_close(rival(p, q), ours, rtol=1e-5, atol=0)
    if not from_logits:
        own = rivals.numpy_kl_weights(p.numpy(), q.numpy())
        np.testing.assert_allclose(own, ours.numpy(), rtol=1e-5)


def test_every_part_can_be_imported():
    pytest.importorskip("click")
    pytest.importorskip("rich")
    pytest.importorskip("torch")
    for path in sorted((Path(__file__).parents[1] / "bench").glob("*.py")):
        if path.stem not in {"__main__", "workloads"}:  # that needs scipy
            import_module(f"bench.{path.stem}")


@pytest.fixture(scope="module")
def shown():
    return picture.read()


def test_digits_that_are_shown_are_ours_and_not_others(shown):
    """What the page says in words, of the figures that it draws."""
    for one in shown["curves"]:
        ours = one["formula"].startswith("relentropy")
        worst = max(one["errors"].values())
        if one["dtype"] in {"float32", "float64"}:
            assert (worst < 6 * 2.0 ** -picture.DTYPES[one["dtype"]]) == ours, one
    for one in shown["real"]:
        for name, found in one["errors"].items():
            if name.startswith("relentropy"):
                digits = picture.DTYPES[name.split(", ")[-1]]
                assert max(map(abs, found)) < 6 * 2.0**-digits, one["student"]


@pytest.mark.skipif(
    not students.COPIES.with_name("teacher.npy").exists(),
    reason="the logits are not in a source distribution",
)
def test_all_students_have_their_truths(shown):
    names = {one["student"] for one in shown["real"]}
    assert names == set(students.pairs()) == set(students.truths())
    assert all(len(rows) == 16 for rows in students.truths().values())
    value = students.truths()["bfloat16 copy"][0]
    assert value.man.bit_length() > 100  # and not of a float64


def test_digits_are_reported_and_drawn(shown):
    curves = [errors.Curve(**one) for one in shown["curves"]]
    real = [errors.Real(**one) for one in shown["real"]]
    text = digits(curves, real, [errors.Training(**one) for one in shown["training"]])
    assert text.count("\n### ") == 3 * 2 * 4 + 2
    for inputs in ("logits", "probs", "log_probs"):
        assert len(picture.curves(shown, inputs).axes) == 8
    assert picture.real(shown).axes
    assert picture.training(shown).axes


def test_errors_are_relative_and_pass_over_zeros():
    assert errors._worst(np.array([1.0, np.nan]), [1, 2]) == np.inf
    assert errors._worst(np.array([0.0, 1.5]), [0, 1]) == 0.5
