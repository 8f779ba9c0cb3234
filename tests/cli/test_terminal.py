"""What the command prints, on terminals of any width and streams of any encoding."""

import io
import json
import os
import re
import subprocess
import sys
from contextlib import redirect_stdout

import numpy as np
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner
from rich.cells import cell_len

from relentropy.cli.app import app

MAIN = [sys.executable, "-c", "from relentropy.cli import main; main()"]


def run(*arguments, **environment):
    runner = CliRunner(env=environment)
    return runner.invoke(app, ["compare", *map(str, arguments)])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A teacher, six students from near to far, the last with a long name, and tokens."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    p = 3 * rng.standard_normal((60, 12))
    names = ["p", "q8", "q6", "q5", "q4", "q3", "q2-with-a-name-that-is-long-日本"]
    for name, gap in zip(names, (0, 1e-6, 1e-3, 0.01, 0.1, 0.5, 1), strict=True):
        np.save(folder / f"{name}.npy", p + gap * rng.standard_normal(p.shape))
    np.save(folder / "tokens.npy", rng.integers(0, 12, len(p)))
    return [folder / f"{name}.npy" for name in (*names, "tokens")]


def numbers(report):
    """As the tables write them."""
    for student in report["students"]:
        for name in ("kl", "reverse_kl", "js", "total_variation"):
            for statistic, value in student[name].items():
                if statistic == "standard_error":
                    yield f"± {value:.2g}"
                elif isinstance(value, float):
                    yield f"{value:#.6g}"
        for name in ("teacher", "student", "ratio"):
            yield f"{student['perplexity'][name]:#.6g}"
        yield f"{student['entropy']['mean']:#.6g}"
        yield f"{student['top1_agreement_percent']:.6g} %"
        yield f"{student['top_probability_change_percent']['mean']:+.4g} %"
        for past in student["rows_past"]:
            yield f"{past['percent']:.4g} %"
        for part in student["kl_by_position"] + student["kl_by_top1"]:
            yield f"{part['mean_kl']:#.6g}"
        for worst in student["worst_rows"][: 10 if len(report["students"]) == 1 else 3]:
            yield f"{worst['row']:,}"
            yield f"{worst['kl']:#.6g}"
            p, q = "teacher_top_probability", "student_probability_of_teacher_top"
            yield f"{worst[p]:.3f}→{worst[q]:.3f}"


@pytest.mark.parametrize("students", [1, 2, 6])
def test_no_width_breaks_a_number(files, students):
    given = *files[: students + 1], "--tokens", files[-1]
    expected = list(numbers(json.loads(run(*given, "--json").stdout)))
    for width in (10, 36, 40, 50, 64, 80, 100, 200):
        result = run(*given, COLUMNS=str(width))
        assert (result.exit_code, result.stderr) == (0, "")
        _, tables = result.stdout.split("vocabulary 12\n")
        assert "…" not in tables
        assert max(map(cell_len, tables.splitlines())) <= max(width, 36)
        cells = {cell.strip() for line in tables.splitlines() for cell in line.split("│")}
        assert set(expected) <= cells


def test_as_few_tables_as_the_width_allows(files):
    for width, students, count in [
        (200, 2, 5),
        (80, 1, 4),
        (80, 6, 12),
        (40, 1, 7),
        (40, 2, 12),
    ]:
        given = *files[: students + 1], "--tokens", files[-1]
        assert run(*given, COLUMNS=str(width)).stdout.count("╭") == count, (width, students)


def stream(encoding, *arguments):
    environment = os.environ | {"PYTHONIOENCODING": encoding, "COLUMNS": "100"}
    return subprocess.run(
        [*MAIN, *map(str, arguments)], capture_output=True, check=False, env=environment
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp437", "utf-8"])
def test_streams_of_every_encoding(files, encoding):
    result = stream(encoding, "compare", files[0], files[1], files[6], "--tokens", files[-1])
    assert (result.returncode, result.stderr) == (0, b"")
    text = result.stdout.decode(encoding)
    assert re.search(
        r"student .*-日本\.npy " if encoding == "utf-8" else r"-\\u65e5\\u672c\.", text
    )
    arrow = "→" if encoding == "utf-8" else "->"
    assert re.search(rf" 0\.\d{{3}}{arrow}0\.\d{{3}} ", text)
    assert re.search("±" if encoding != "ascii" else r"\+- ", text)
    _, tables = text.split("vocabulary 12")
    lines = [line for line in tables.splitlines() if line[:1] in set("│|")]
    assert len(lines) > 60
    borders = [line for line in tables.splitlines() if line[:1] in set("╭+")]
    widths = {cell_len(line) for line in borders}
    assert {cell_len(line) for line in lines} <= widths  # columns are aligned


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_help_and_errors_of_every_encoding(tmp_path, encoding):
    for arguments in (["--help"], ["compare", "--help"], ["--version"]):
        result = stream(encoding, *arguments)
        assert (result.returncode, result.stderr) == (0, b"")
        assert b"relentropy" in result.stdout
    result = stream(encoding, "compare", tmp_path / "日本.npy", tmp_path / "q.npy")
    (line,) = result.stderr.splitlines()
    assert (result.returncode, result.stdout) == (2, b"")
    assert line.startswith(b"Error: TEACHER ")
    assert line.endswith(b".npy cannot be read: No such file or directory")


def test_a_narrow_list_of_libraries(monkeypatch):
    """Nothing of it is cut off either."""
    from relentropy.cli.backends import Backend
    from relentropy.cli.installed import show_backends

    gap = {"float64": "jax.config.update('jax_enable_x64', True) turns it on"}
    devices = ["cpu", "cuda:0 NVIDIA H200 NVL"]
    types = ["float16", "float32"]
    found = [
        Backend("array_api_strict", "2.6.1+cpu", devices, types, "both orders", gap),
        Backend("cupy", None, [], [], "", {"": "pip install 'relentropy[cupy]'"}),
    ]
    words = "array_api_strict 2.6.1+cpu cuda:0 NVIDIA H200 NVL f16 f32 both orders".split()
    for width in (40, 60, 80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        stdout = io.StringIO()
        with redirect_stdout(stdout):
            show_backends(found)
        shown = stdout.getvalue()
        assert "…" not in shown
        assert max(map(cell_len, shown.splitlines())) <= width
        assert set(words) <= set(shown.split())
    assert shown.count("╭") == 2
    assert "│ cuda:0 NVIDIA H200 NVL │" in shown
