"""What the reports are made of; their figures are nobody's business here."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from bench import rivals
from bench.accuracy import data
from bench.accuracy.reproducer import reproducer
from bench.accuracy.slopes import Slope
from bench.accuracy.worst import Points, Worst, kernels_noted
from bench.accuracy.worst import worst as of_all
from bench.digits import errors, picture, students
from bench.digits import report as digits
from bench.timing import UNIT, interleaved

import relentropy
from relentropy._engines import config
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


MACHINE = {"date": "2026-01-01", "processor": "one"}


def test_what_is_written_reads_back(tmp_path):
    slopes = [Slope("kl_div", "float64", "torch", 0.5, 3.0, 24, "somewhere")]
    worsts = [worst(dtype="float32"), worst(regimes={"far": 1.0}, sizes={-3: 1.0, 2: 0.25})]
    found = data.content("kl_div", worsts, slopes, MACHINE)
    assert data.write(tmp_path, found) == []
    text = (tmp_path / "kl_div.json").read_text(encoding="utf-8")
    assert json.loads(text) == found
    assert found["values"]["numpy"]["float64"]["ulp"] == 1.0
    assert found["sizes"]["float64"] == {"-3": 1.0, "2": 0.25}
    assert '"sizes": {\n  "float32": {},\n  "float64": {"-3": 1.0, "2": 0.25}\n' in text


def test_what_rose_is_said(tmp_path):
    for ulp, said in ((1.0, []), (1.04, []), (0.5, []), (1.0, ["0.5 to 1.0"])):
        slopes = [Slope("kl_div", "float64", "torch", 0.5, 3.0, 24, "somewhere")]
        lines = data.write(tmp_path, data.content("kl_div", [worst(ulp=ulp)], slopes, MACHINE))
        assert [line.rpartition(": ")[2] for line in lines] == said


def points(errors, truths, **more):
    say = lambda at: ("far", f"at {at[0]}")  # noqa: E731
    return Points("far", np.array(truths), np.array(errors), 3.0, say, **more)


def test_the_worst_is_what_is_above_its_bound_and_not_exempt():
    every = [
        points([1.0, 9.0], [1e-3, 2e-3], exempt=np.array([False, True]), cause="because"),
        points([2.0, 2.5], [0.0, 5e27]),
    ]
    found = of_all("kl_div", "float64", "numpy", every)
    assert (found.ulp, found.call, found.points, found.above) == (2.5, "at 1", 3, 0)
    assert (found.exempt_points, found.exempt_ulp, found.cause) == (1, 9.0, "because")
    assert found.sizes == {-3: 1.0, 30: 2.5}  # far decades by tens, and none of zero
    found = of_all("kl_div", "float64", "numpy", [points([np.nan], [1.0])])
    assert found.fails


def test_kernels_are_noted_by_name():
    for _ in range(2):  # also of calls that are known
        with kernels_noted() as found:
            relentropy.kl_divergence(np.ones(3), np.arange(3.0), from_logits=True)
    has = bool(config.engine())
    assert found["compiled"] == ({"kl_logits", "kl_logits_slopes"} if has else set())
    assert found["triton"] == ({"kl_logits"} if has else set())


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
