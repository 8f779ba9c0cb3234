"""`relentropy compare` from the command line down to the last bit."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner

from relentropy.cli.app import app

from .files import write_llama, write_safetensors

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


def run_pair(*arguments):
    """The report of the only student."""
    (student,) = run_json(*arguments)["students"]
    return student


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
    mixed = np.log((np.exp(p) + np.exp(q)) / 2)
    top = p.argmax(-1)
    each = np.arange(len(p))
    return {
        "kl": (np.exp(p) * (p - q)).sum(-1) / scale,
        "reverse_kl": (np.exp(q) * (q - p)).sum(-1) / scale,
        "js": ((np.exp(p) * (p - mixed)).sum(-1) + (np.exp(q) * (q - mixed)).sum(-1))
        / (2 * scale),
        "total_variation": np.abs(np.exp(p) - np.exp(q)).sum(-1) / 2,
        "teacher_entropy": -(np.exp(p) * p).sum(-1) / scale,
        "student_entropy": -(np.exp(q) * q).sum(-1) / scale,
        "teacher_top": top,
        "change": np.exp(q[each, top]) - np.exp(p[each, top]),
        "log_probs": (p, q),
        "agreement": 100 * float(np.mean(p.argmax(-1) == q.argmax(-1))),
    }


def assert_is(report, expected, rtol):
    (student,) = report["students"]
    found = {
        "kl": student["kl"],
        "reverse_kl": student["reverse_kl"],
        "js": student["js"],
        "total_variation": student["total_variation"],
        "teacher_entropy": report["teacher"]["entropy"],
        "student_entropy": student["entropy"],
    }
    for name, numbers in found.items():
        rows = expected[name].astype(float)
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
            "finite_rows": len(rows),
            "infinite_rows": 0,
            "nan_rows": 0,
        }
        assert (numbers.pop("first_infinite_rows"), numbers.pop("first_nan_rows")) == ([], [])
        assert list(numbers) == list(want)
        assert numbers == pytest.approx(want, rel=rtol)
    assert student["top1_agreement_percent"] == pytest.approx(expected["agreement"])
    change = student["top_probability_change_percent"]
    assert change["mean"] == pytest.approx(100 * float(expected["change"].mean()), rel=1e-9)
    rms = 100 * float(np.sqrt((expected["change"] ** 2).mean()))
    assert change["rms"] == pytest.approx(rms, rel=1e-9)
    for past in student["rows_past"]:
        percent = 100 * float(np.mean(expected["kl"] > past["threshold"]))
        assert past["percent"] == pytest.approx(percent)
    worst = np.argsort(-expected["kl"], kind="stable")[:10]
    assert [one["row"] for one in student["worst_rows"]] == worst.tolist()
    assert [one["teacher_top"] for one in student["worst_rows"]] == (
        expected["teacher_top"][worst].tolist()
    )


@pytest.mark.parametrize("ours", DTYPES)
@pytest.mark.parametrize("theirs", DTYPES)
def test_every_pair_of_dtypes(save, ours, theirs):
    arrays = [
        as_dtype(x, dtype) for x, dtype in zip(logits((5, 40)), (ours, theirs), strict=True)
    ]
    report = run_json(*map(save, ["p", "q"], arrays))
    assert_is(report, reference(*arrays), rtol=1e-12)
    assert report["teacher"]["dtype"] == ours
    assert report["students"][0]["dtype"] == theirs
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


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
@pytest.mark.parametrize("vocabulary", [1, 7, 33, 1000, 5001])
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


def test_infinities_and_nans_are_counted_named_and_left_out(save):
    teacher, student = logits((6, 30))
    student[1, 2] = -np.inf
    student[2, 2] = np.nan
    teacher[4, 1] = np.inf
    files = save("p", teacher), save("q", student)
    report = run_json(*files)
    numbers = report["students"][0]["kl"]
    good = [0, 3, 5]
    rest = run_pair(save("p0", teacher[good]), save("q0", student[good]))["kl"]
    for name in ("mean", "standard_error", "min", "median", "p99.9", "max", "finite_rows"):
        assert numbers[name] == rest[name]
    assert (numbers["infinite_rows"], numbers["nan_rows"]) == (1, 2)
    assert (numbers["first_infinite_rows"], numbers["first_nan_rows"]) == ([1], [2, 4])
    assert report["teacher"]["entropy"]["first_nan_rows"] == [4]
    worst = report["students"][0]["worst_rows"]
    assert (worst[0]["row"], worst[0]["kl"], len(worst)) == (1, "inf", 4)
    shown = " ".join(run(*files).stdout.split())
    assert "KL(teacher || student) is infinite in 1 of 6 rows (row 1)" in shown
    assert "KL(teacher || student) is nan in 2 of 6 rows (rows 2, 4)" in shown


def test_rows_of_nothing_but_nan(save):
    """Nothing is said of them: null, or a dash."""
    teacher, student = logits((3, 30))
    student[:] = np.nan
    files = save("p", teacher), save("q", student), "--tokens", save("t", np.zeros(3, int))
    found = run_pair(*files)
    for name in ("kl", "reverse_kl", "js", "total_variation", "entropy"):
        numbers = found[name]
        assert (numbers["finite_rows"], numbers["nan_rows"]) == (0, 3)
        for statistic in ("mean", "standard_error", "min", "median", "p99.9", "max"):
            assert numbers[statistic] is None
    assert found["top1_agreement_percent"] is None
    assert found["top_probability_change_percent"] == {"mean": None, "rms": None}
    assert [one["percent"] for one in found["rows_past"]] == [None] * 3
    for parts in (found["kl_by_position"], found["kl_by_top1"]):
        assert {(part["rows"], part["mean_kl"]) for part in parts} == {(0, None)}
    assert found["perplexity"] == {"teacher": None, "student": None, "ratio": None, "tokens": 0}
    result = run(*files)
    assert result.exit_code == 0
    _, tables = result.stdout.split("3 rows, vocabulary 30")
    tables, _ = tables.split("KL(teacher || student) is nan")
    assert "nan" not in tables
    assert "+–" not in tables
    for words in ("mean", "top-1 agreement", "rows of KL > 0.1", "perplexity ratio"):
        (line,) = (one for one in tables.splitlines() if re.match(rf"│ {words} +│", one))
        assert "–" in line


@pytest.mark.parametrize("side", ["teacher", "student"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_of_nan_count_in_no_share(save, side, value):
    teacher, student = logits((2, 8, 30))
    tokens = np.argmax(teacher, axis=-1)
    tokens[:, ::3] = 0
    good = [a[:, 1:].reshape(-1, 30) for a in (teacher, student)]
    expected = reference(*good)
    for row in (0, 1):
        (teacher if side == "teacher" else student)[row, 0, row] = value
    found = run_pair(
        save("p", teacher), save("q", student), "--tokens", save("t", tokens),
    )  # fmt: skip
    assert found["kl"]["nan_rows"] == 2
    assert found["top1_agreement_percent"] == pytest.approx(expected["agreement"])
    for past in found["rows_past"]:
        percent = 100 * float(np.mean(expected["kl"] > past["threshold"]))
        assert past["percent"] == pytest.approx(percent)
    assert [part["rows"] for part in found["kl_by_position"]] == [0] + [2] * 7
    assert found["kl_by_position"][0]["mean_kl"] is None
    assert sum(part["rows"] for part in found["kl_by_top1"]) == 14
    p, q = expected["log_probs"]
    following = tokens[:, 1:].reshape(-1)
    for name, logs in (("teacher", p), ("student", q)):
        perplexity = float(np.exp(-logs[np.arange(14), following].mean()))
        assert found["perplexity"][name] == pytest.approx(perplexity, rel=1e-9)
    assert found["perplexity"]["tokens"] == 14


def test_infinite_rows_are_past_every_threshold(save):
    teacher, student = logits((4, 30))
    student[:] = teacher
    student[1, 2] = -np.inf
    found = run_pair(save("p", teacher), save("q", student))
    assert [one["percent"] for one in found["rows_past"]] == [25] * 3


def test_the_base_in_json(save):
    teacher, student = logits((2, 30))
    files = save("p", teacher), save("q", student)
    assert run_json(*files)["base"] == "e"
    assert run_json(*files, "--base", 2)["base"] == 2


def test_one_is_not_many(save):
    teacher, student = logits(30)
    student[0] = np.nan
    shown = run(save("p", teacher), save("q", student)).stdout
    assert "1 row, vocabulary 30" in shown
    assert "KL(teacher || student) is nan in 1 of 1 row (row 0)" in " ".join(shown.split())


def test_strict_is_status_1_for_rows_that_are_not_finite(save):
    teacher, student = logits((3, 30))
    files = save("p", teacher), save("q", student)
    assert run(*files, "--strict").exit_code == 0
    for value in (np.nan, -np.inf):
        student[1, 0] = value
        result = run(files[0], save("bad", student), "--strict")
        assert result.exit_code == 1
        assert "row 1" in result.stdout


def test_a_single_row_has_no_standard_error(save):
    teacher, student = logits(30)
    files = save("p", teacher), save("q", student)
    kl = run_pair(*files)["kl"]
    assert kl["standard_error"] is None
    assert kl["min"] == kl["mean"] == kl["p99.9"]
    assert run_json(*files)["rows"] == 1
    assert "±" not in run(*files).stdout


def test_the_table_says_what_a_person_wants_to_know(save):
    teacher, student = logits((30, 50))
    files = save("p", teacher), save("q", student)
    report, result = run_pair(*files, "--base", "2"), run(*files, "--base", "2")
    assert result.exit_code == 0
    assert "30 rows, vocabulary 50" in result.stdout
    assert "bits" in result.stdout
    for words in ("KL(teacher ||", "JS divergence", "mean entropy", "rows of KL > 0.1"):
        assert words in result.stdout
    for name in ("mean", "min", "median", "p90", "p95", "p99", "p99.9", "max"):
        assert f"{report['kl'][name]:#.6g}" in result.stdout
        for measure in ("reverse_kl", "js", "total_variation"):
            assert f"{report[measure][name]:#.6g}" in result.stdout
    assert f"± {report['kl']['standard_error']:.2g}" in result.stdout
    assert f"{report['top1_agreement_percent']:.6g} %" in result.stdout
    assert max(map(len, result.stdout.splitlines()[3:])) <= 80


def test_a_padded_vocabulary(save):
    teacher, student = logits((4, 30))
    padded = np.concatenate([student, np.full((4, 2), 99.0)], axis=-1)
    files = save("p", teacher), save("padded", padded)
    result = run(*files)
    assert result.exit_code == 2
    assert "--vocab 30 compares the entries that both have" in result.stderr
    for order in (files, files[::-1]):
        plain = run_pair(*(save(one.stem, np.load(one)[:, :30]) for one in order))
        save("p", teacher), save("padded", padded)
        cut = run_json(*order, "--vocab", 30)
        assert cut["vocabulary"] == 30
        assert cut["students"][0] == plain


def test_files_of_different_kinds_are_the_same(save, tmp_path):
    arrays = [a.astype(np.float32) for a in logits((3, 5, 30))]
    files = [save(name, a) for name, a in zip("pq", arrays, strict=True)]
    expected = run_pair(*files)
    np.savez(tmp_path / "both.npz", p=arrays[0], q=arrays[1])
    np.savez_compressed(tmp_path / "small.npz", q=arrays[1])
    write_safetensors(tmp_path / "t.safetensors", {"p": arrays[0], "q": arrays[1]})
    (tmp_path / "shards").mkdir()
    for i, sequence in enumerate(arrays[1]):
        np.save(tmp_path / "shards" / f"{i}.npy", sequence[np.newaxis])
    for p, q in [
        ("both.npz:p", "both.npz:q"),
        ("t.safetensors:p", "small.npz"),
        ("p.npy", "t.safetensors:q"),
        ("p.npy", "shards"),
        ("both.npz:p", "shards/*.npy"),
    ]:
        found = run_pair(tmp_path / p, tmp_path / q)
        assert found.pop("file") == str(tmp_path / q)
        assert found == {name: one for name, one in expected.items() if name != "file"}


def test_bases_of_llama_cpp_bring_their_tokens(tmp_path):
    tokens = np.random.default_rng(0).integers(0, 30, (3, 9))
    teacher, student = logits((3, 4, 30))
    files = [
        write_llama(tmp_path / f"{name}.kld", a, tokens)
        for name, a in (("p", teacher), ("q", student))
    ]
    found = run_pair(*files, "--tokens", files[0])
    expected = reference(teacher, student)
    assert found["kl"]["mean"] == pytest.approx(float(expected["kl"].mean()), rel=1e-3)
    p, _ = expected["log_probs"]
    following = tokens[:, 5:].reshape(-1)
    perplexity = np.exp(-p[np.arange(12), following].mean())
    assert found["perplexity"]["teacher"] == pytest.approx(float(perplexity), rel=1e-3)


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


def test_an_empty_folder(tmp_path, save):
    (tmp_path / "empty").mkdir()
    result = run(tmp_path / "empty", save("good", GOOD))
    assert result.exit_code == 2
    assert "is a folder without .npy" in result.stderr


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
        ("--vocab", "0"),
        ("--vocab", "4"),
        ("--workers", "0"),
        ("--threshold", "nan"),
        ("--theme", "blue"),
        ("--per-row", "rows.txt"),
        ("--plot", "plot.jpg"),
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


def test_weights_whose_sum_leaves_the_range(tmp_path):
    np.save(tmp_path / "p.npy", [[1e308, 1e308, 1e308, 0.0]])
    np.save(tmp_path / "q.npy", [[1.0, 1.0, 1.0, 0.0]])
    found = json.dumps(run_json(tmp_path / "p.npy", tmp_path / "q.npy", "--probs"))
    (change,) = re.findall(r'"top_probability_change_percent": \{"mean": ([^,]+)', found)
    assert float(change) == pytest.approx(0, abs=1e-12)
