"""`relentropy compare` from the command line down to the last bit."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner

from relentropy.cli.app import app

SLICE = Path(__file__).parents[1] / "data" / "smollm2"
needs_slice = pytest.mark.skipif(
    not (SLICE / "teacher.npy").exists(), reason="the logits are not in a source distribution"
)
DTYPES = ["float16", "bfloat16", "float32", "float64"]


def run(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def run_json(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return json.loads(result.stdout)


def bfloat16_bits(values):
    """The upper halves of float32 numbers, under the type that numpy saves them as."""
    return (np.asarray(values, np.float32).view(np.uint32) >> 16).astype("<u2").view("<V2")


def widened(array):
    if array.dtype.kind != "V":
        return array.astype(np.longdouble)
    return (array.view("<u2").astype(np.uint32) << 16).view(np.float32).astype(np.longdouble)


def as_dtype(values, dtype):
    return bfloat16_bits(values) if dtype == "bfloat16" else np.asarray(values, dtype)


@pytest.fixture
def save(tmp_path):
    def save(name, array):
        np.save(tmp_path / name, array)
        return tmp_path / f"{name}.npy"

    return save


def logits(shape, seed=0):
    rng = np.random.default_rng(seed)
    teacher = 3 * rng.standard_normal(shape)
    return teacher, teacher + rng.standard_normal(shape)


def reference(teacher, student, *, probs=False, base=np.e):
    """Per row, by the textbook, in long double: good where the two are not close."""
    rows = [widened(a).reshape(-1, a.shape[-1]) for a in (teacher, student)]
    logs = [np.log(a) if probs else a - a.max(-1, keepdims=True) for a in rows]
    logs = [a - np.log(np.exp(a).sum(-1, keepdims=True)) for a in logs]
    p, q = logs
    scale = np.log(np.longdouble(base))
    return {
        "kl": (np.exp(p) * (p - q)).sum(-1) / scale,
        "reverse_kl": (np.exp(q) * (q - p)).sum(-1) / scale,
        "teacher_entropy": -(np.exp(p) * p).sum(-1) / scale,
        "student_entropy": -(np.exp(q) * q).sum(-1) / scale,
        "agreement": 100 * float(np.mean(p.argmax(-1) == q.argmax(-1))),
    }


def assert_is(report, expected, rtol):
    for name in ("kl", "reverse_kl", "teacher_entropy", "student_entropy"):
        rows, found = expected[name].astype(float), report[name]
        want = {
            "mean": rows.mean(),
            "standard_error": rows.std(ddof=1) / np.sqrt(len(rows)),
            "min": rows.min(),
            "median": np.quantile(rows, 0.5),
            "p90": np.quantile(rows, 0.9),
            "p95": np.quantile(rows, 0.95),
            "p99": np.quantile(rows, 0.99),
            "p99.9": np.quantile(rows, 0.999),
            "max": rows.max(),
            "infinite_rows": 0,
            "nan_rows": 0,
        }
        assert list(found) == list(want)
        assert found == pytest.approx(want, rel=rtol)
    assert report["top1_agreement_percent"] == pytest.approx(expected["agreement"])


@pytest.mark.parametrize("ours", DTYPES)
@pytest.mark.parametrize("theirs", DTYPES)
def test_every_pair_of_dtypes(save, ours, theirs):
    arrays = [
        as_dtype(x, dtype) for x, dtype in zip(logits((5, 40)), (ours, theirs), strict=True)
    ]
    report = run_json(*map(save, ["p", "q"], arrays))
    assert_is(report, reference(*arrays), rtol=1e-12)
    assert report["teacher"]["dtype"] == ours
    assert report["student"]["dtype"] == theirs
    assert (report["rows"], report["vocabulary"], report["unit"]) == (5, 40, "nats")


@pytest.mark.parametrize("shape", [(2, 30), (2, 3, 30), (2, 1, 2, 30), (4, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_leading_axes_and_memory_orders(save, shape, order):
    arrays = logits(shape)
    report = run_json(
        *(save(n, np.asarray(a, order=order)) for n, a in zip("pq", arrays, strict=True))
    )
    assert_is(report, reference(*arrays), rtol=1e-12)


def test_the_other_byte_order(save):
    arrays = logits((3, 30))
    report = run_json(*(save(n, a.astype(">f8")) for n, a in zip("pq", arrays, strict=True)))
    assert_is(report, reference(*arrays), rtol=1e-12)


def test_probabilities_need_not_be_normalised(save):
    arrays = [7 * np.exp(a) for a in logits((6, 30))]
    report = run_json(*map(save, ["p", "q"], arrays), "--probs")
    assert_is(report, reference(*arrays, probs=True), rtol=1e-12)


@pytest.mark.parametrize(("base", "unit"), [("2", "bits"), ("10", "base 10")])
def test_other_units(save, base, unit):
    arrays = logits((6, 30))
    report = run_json(*map(save, ["p", "q"], arrays), "--base", base)
    assert_is(report, reference(*arrays, base=float(base)), rtol=1e-12)
    assert (report["unit"], report["base"]) == (unit, float(base))


@needs_slice
@pytest.mark.parametrize("student", ["student_int4", "student_bfloat16"])
def test_a_real_language_model(student):
    files = SLICE / "teacher.npy", SLICE / f"{student}.npy"
    report = run_json(*files)
    assert_is(report, reference(*map(np.load, files)), rtol=1e-9)
    assert (report["rows"], report["vocabulary"]) == (16, 49152)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("vocabulary", [1, 2, 7, 33, 1000, 5001])
@pytest.mark.parametrize("options", [(), ("--probs",)])
def test_no_bit_depends_on_the_block(save, dtype, vocabulary, options):
    arrays = logits((13, vocabulary))
    if options:
        arrays = [np.exp(a - a.max()) for a in arrays]
    files = [save(n, as_dtype(a, dtype)) for n, a in zip("pq", arrays, strict=True)]
    whole = run_json(*files, *options)
    for rows in (1, 2, 5, 12, 13, 1000):
        assert run_json(*files, *options, "--block-rows", rows) == whole


@needs_slice
def test_no_bit_of_a_real_comparison_depends_on_the_block():
    files = SLICE / "teacher.npy", SLICE / "student_bfloat16.npy"
    assert run_json(*files, "--block-rows", 1) == run_json(*files, "--block-rows", 7)


def test_infinities_and_nans_are_counted_and_spelled(save):
    teacher, student = logits((4, 30))
    student[1, 2] = -np.inf
    student[2, 2] = np.nan
    report = run_json(save("p", teacher[:2]), save("q", student[:2]))
    assert (report["kl"]["mean"], report["kl"]["max"]) == ("inf", "inf")
    assert (report["kl"]["standard_error"], report["kl"]["infinite_rows"]) == ("nan", 1)
    assert isinstance(report["kl"]["min"], float)
    report = run_json(save("p", teacher), save("q", student))
    assert (report["kl"]["mean"], report["kl"]["nan_rows"]) == ("nan", 1)
    shown = run(save("p", teacher), save("q", student)).stdout
    assert "is infinite in 1 of 4 rows" in shown
    assert "is nan in 1 of 4 rows" in shown


def test_a_single_row_has_no_standard_error(save):
    teacher, student = logits(30)
    files = save("p", teacher), save("q", student)
    report = run_json(*files)
    assert report["kl"]["standard_error"] is None
    assert report["kl"]["min"] == report["kl"]["mean"] == report["kl"]["p99.9"]
    assert report["rows"] == 1
    assert "±" not in run(*files).stdout


def test_the_table_says_what_a_person_wants_to_know(save):
    teacher, student = logits((30, 50))
    files = save("p", teacher), save("q", student)
    report, result = run_json(*files, "--base", "2"), run(*files, "--base", "2")
    assert result.exit_code == 0
    assert "30 rows, vocabulary 50" in result.stdout
    assert "bits" in result.stdout
    for words in ("KL(teacher || student)", "KL(student || teacher)", "mean entropy"):
        assert words in result.stdout
    for name in ("mean", "min", "median", "p90", "p95", "p99", "p99.9", "max"):
        assert f"{report['kl'][name]:#.6g}" in result.stdout
        assert f"{report['reverse_kl'][name]:#.6g}" in result.stdout
    assert f"± {report['kl']['standard_error']:.2g}" in result.stdout
    assert f"top-1 agreement  {report['top1_agreement_percent']:.6g} %" in result.stdout


GOOD = np.zeros((2, 3), np.float32)
BAD_FILES = {
    "a missing file": (None, "No such file"),
    "text": (b"1.0, 2.0\n", "is not a .npy file"),
    "nothing": (b"", "is not a .npy file"),
    "a pickle": (b"\x80\x04\x95", "is not a .npy file"),
    "objects": (np.array([[1, None]]), "Python objects"),
    "integers": (np.zeros((2, 3), int), "dtype int64; expected float16, bfloat16, float32"),
    "complex": (np.zeros((2, 3), complex), "has dtype complex128; expected"),
    "booleans": (np.zeros((2, 3), bool), "has dtype bool; expected"),
    "fields": (np.zeros(3, [("a", "u1"), ("b", "u1")]), "has dtype void16; expected"),
    "no axis": (np.float32(1), "holds a single number"),
    "no rows": (np.zeros((0, 3), np.float32), "is empty"),
    "no vocabulary": (np.zeros((2, 0), np.float32), "is empty"),
}


def write(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content, allow_pickle=True)
    return path


@pytest.mark.parametrize(("content", "words"), BAD_FILES.values(), ids=BAD_FILES)
@pytest.mark.parametrize("argument", ["TEACHER", "STUDENT"])
def test_an_unusable_file_is_one_line_and_status_2(tmp_path, save, content, words, argument):
    good, bad = save("good", GOOD), write(tmp_path / "bad.npy", content)
    result = run(bad, good) if argument == "TEACHER" else run(good, bad)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {argument} {bad} ")
    assert words in line


@pytest.mark.parametrize("kept", [8, 60, 130])
def test_a_file_cut_short(tmp_path, save, kept):
    good = save("good", GOOD)
    bad = write(tmp_path / "bad.npy", good.read_bytes()[:kept])
    result = run(good, bad)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: STUDENT {bad} cannot be read: ")


def test_a_folder(tmp_path, save):
    result = run(tmp_path, save("good", GOOD))
    assert result.exit_code == 2
    assert f"TEACHER {tmp_path} cannot be read" in result.stderr


def test_shapes_must_match(save):
    result = run(save("p", GOOD), save("q", GOOD.T))
    assert result.exit_code == 2
    assert result.stderr.endswith("q.npy has shape (3, 2), TEACHER has (2, 3)\n")


@pytest.mark.parametrize(
    "options",
    [
        ("--base", "1"),
        ("--base", "0.5"),
        ("--base", "nan"),
        ("--base", "inf"),
        ("--base", "bits"),
        ("--block-rows", "0"),
        ("--bits",),
    ],
)
def test_wrong_options_are_status_2(save, options):
    result = run(save("p", GOOD), save("q", GOOD), *options)
    assert result.exit_code == 2
    assert options[0] in result.stderr


def test_without_click_the_command_says_what_to_install():
    for missing in ("click", "rich"):
        code = (
            f"import sys; sys.modules[{missing!r}] = None; "
            "from relentropy.cli import main; main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert "pip install 'relentropy[cli]'" in done.stderr


def test_the_entry_point_runs():
    code = "from relentropy.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("relentropy, version ")
