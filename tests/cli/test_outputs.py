"""Files that the command writes, whole or not at all."""

import csv
import json
import os
import subprocess
import sys
from xml.etree import ElementTree as ET

import numpy as np
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner

from relentropy.cli.app import app

COMMAND = [sys.executable, "-c", "from relentropy.cli import main; main()", "compare"]


def run(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


@pytest.fixture
def files(tmp_path):
    """A folder with p.npy, q.npy, r.npy and tokens.npy: a zero row, an infinite, a nan."""
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(0)
    p = rng.standard_normal((3, 20, 30))
    q, r = (p + gap * rng.standard_normal(p.shape) for gap in (0.01, 0.5))
    q[0, 0], q[1, 1, 2], q[2, 2, 3] = p[0, 0], -np.inf, np.nan
    for name, array in (("p", p), ("q", q), ("r", r)):
        np.save(folder / f"{name}.npy", array)
    np.save(folder / "tokens.npy", rng.integers(0, 30, (3, 20)))
    return folder


def test_rows_as_csv_have_all_digits(files, tmp_path):
    path = tmp_path / "rows.csv"
    result = run(
        files / "p.npy", files / "r.npy", "--per-row", path, "--json", "--tokens",
        files / "tokens.npy",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["row"]) for row in rows] == list(range(60))
    assert [int(row["position"]) for row in rows] == list(range(20)) * 3
    (student,) = json.loads(result.stdout)["students"]
    for name in ("kl", "reverse_kl", "js", "total_variation"):
        values = np.sort([float(row[name]) for row in rows])
        assert np.mean(values) == student[name]["mean"]
    p = np.load(files / "p.npy").reshape(60, 30)
    assert [int(row["teacher_top"]) for row in rows] == p.argmax(-1).tolist()
    assert [int(row["token"]) for row in rows] == np.load(files / "tokens.npy").ravel().tolist()
    mean = np.mean([float(row["student_log_prob"]) for row in rows])
    assert np.exp(-mean) == pytest.approx(student["perplexity"]["student"])
    assert (path.stat().st_mode & 0o777) == 0o666 & ~current_umask()


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_rows_of_several_students_as_parquet(files, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    names = [files / f"{name}.npy" for name in "pqr"]
    mask = np.zeros(60, bool)
    mask[[5, 7, 21]] = True  # 21 has a divergence of inf
    np.save(tmp_path / "mask.npy", mask)
    for suffix in ("csv", "parquet"):
        result = run(
            *names, "--per-row", tmp_path / f"r.{suffix}", "--mask", tmp_path / "mask.npy"
        )
        assert result.exit_code == 0, result.output
    table = parquet.read_table(tmp_path / "r.parquet").to_pydict()
    assert table["row"] == [5, 7, 21] * 2
    assert table["student"] == [str(names[1])] * 3 + [str(names[2])] * 3
    assert table["kl"][2] == np.inf
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name, column in table.items():
        assert [row[name] for row in rows] == [str(one) for one in column]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("students", ["q", "r", "qr", "p"])
def test_pictures_of_every_kind_of_rows(files, tmp_path, theme, students):
    pytest.importorskip("matplotlib")
    names = [files / f"{name}.npy" for name in "p" + students]
    contents = []
    for i in range(2):
        path = tmp_path / f"{i}.svg"
        result = run(*names, "--plot", path, "--theme", theme)
        assert (result.exit_code, result.stderr) == (0, "")
        ET.parse(path)
        contents.append(path.read_text())
    assert contents[0] == contents[1]
    assert ("#12161c" in contents[0]) == (theme == "dark")


def test_pictures_have_a_format_and_say_what_they_leave_out(files, tmp_path):
    pytest.importorskip("matplotlib")
    from relentropy.cli.inputs import open_rows
    from relentropy.cli.measures import Job
    from relentropy.cli.picture import THEMES, _distribution
    from relentropy.cli.report import report_of
    from relentropy.cli.running import run as measured

    for suffix, start in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
        path = tmp_path / f"a.{suffix}"
        assert run(files / "p.npy", files / "q.npy", "--plot", path).exit_code == 0
        assert path.read_bytes().startswith(start)
    from matplotlib.figure import Figure

    p, q = (open_rows(str(files / f"{name}.npy"), name) for name in "pq")
    job = Job(p, (q,))
    report = report_of(job, measured(job, advance=lambda _: None))
    panel = Figure().subplots()
    _distribution(panel, report, THEMES["light"])
    assert panel.get_xlabel().endswith("not shown: 1 exactly 0, 1 infinite, 1 nan")
    names = [text.get_text().split()[0] for text in panel.texts]
    assert names == ["median", "p90", "p99"]


def drawn(*paths):
    """The two panels of a comparison, and what is written in them."""
    from matplotlib.figure import Figure

    from relentropy.cli.inputs import open_rows
    from relentropy.cli.measures import Job
    from relentropy.cli.picture import THEMES, _along, _distribution
    from relentropy.cli.report import report_of
    from relentropy.cli.running import run as measured

    p, *others = (open_rows(str(path), "FILE") for path in paths)
    job = Job(p, tuple(others))
    report = report_of(job, measured(job, advance=lambda _: None))
    panels = Figure().subplots(1, 2)
    for panel, draw in zip(panels, (_distribution, _along), strict=True):
        draw(panel, report, THEMES["light"])
    return panels


def test_an_empty_picture_says_why(files, tmp_path):
    pytest.importorskip("matplotlib")
    nan = np.load(files / "p.npy")
    nan[:] = np.nan
    np.save(tmp_path / "nan.npy", nan)
    reasons = {("p",): "60 exactly 0", ("nan",): "60 nan"}
    reasons["p", "nan"] = "p.npy: 60 exactly 0\nnan.npy: 60 nan"
    for students, reason in reasons.items():
        where = {"p": files, "nan": tmp_path}
        panels = drawn(files / "p.npy", *(where[one] / f"{one}.npy" for one in students))
        for panel in panels:
            assert not len(panel.get_xticks())
            assert not len(panel.get_yticks())
            (text,) = panel.texts
            assert text.get_text() == (
                f"no row has a divergence that is\npositive and finite\n\n{reason}"
            )


@pytest.mark.parametrize("length", [1, 2, 7, 20])
def test_positions_are_whole_numbers(tmp_path, length):
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    for name in "pq":
        np.save(tmp_path / f"{name}.npy", rng.standard_normal((9, length, 30)))
    _, panel = drawn(tmp_path / "p.npy", tmp_path / "q.npy")
    low, high = panel.get_xlim()
    ticks = [one for one in panel.get_xticks() if low <= one <= high]
    assert ticks
    assert all(one == int(one) and 0 <= one < length for one in ticks)


def test_long_names_fit_in_a_picture(files, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    boxes = []
    saved = Figure.savefig

    def kept(self, *arguments, **options):
        saved(self, *arguments, **options)
        (legend,) = self.legends
        boxes.append((legend.get_window_extent(), self.bbox))

    monkeypatch.setattr(Figure, "savefig", kept)
    names = [tmp_path / f"{'m' * 200}{i}.npy" for i in range(3)]
    for name, one in zip(names, "qrr", strict=True):
        name.write_bytes((files / f"{one}.npy").read_bytes())
    assert run(files / "p.npy", *names, "--plot", tmp_path / "a.png").exit_code == 0
    ((legend, figure),) = boxes
    assert figure.x0 <= legend.x0 < legend.x1 <= figure.x1


@pytest.mark.parametrize(
    ("option", "name", "words"),
    [
        ("--per-row", "none/rows.csv", "cannot be written: No such file or directory"),
        ("--plot", "none/a.png", "cannot be written: No such file or directory"),
        ("--per-row", "folder.csv", "is a folder; name a file"),
    ],
)
def test_what_cannot_be_written_is_said_first(files, tmp_path, option, name, words):
    (tmp_path / "folder.csv").mkdir()
    result = run(files / "p.npy", files / "q.npy", option, tmp_path / name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"Error: {option} {tmp_path / name} {words}\n"


def test_packages_that_are_missing(files, tmp_path, monkeypatch):
    for option, name, package, extra in [
        ("--per-row", "r.parquet", "pyarrow", "parquet"),
        ("--plot", "r.png", "matplotlib", "plots"),
    ]:
        monkeypatch.setitem(sys.modules, package, None)
        result = run(files / "p.npy", files / "q.npy", option, tmp_path / name)
        assert result.exit_code == 2
        words = f"{option} needs {package}: pip install 'relentropy[{extra}]'"
        assert result.stderr == f"Error: {words}\n"
        assert sorted(one.name for one in tmp_path.iterdir()) == ["in"]


# Files may be so long only: what a full disk is to whoever writes. It is set by the process
# itself, as forking where jax is loaded warns.
LIMITED = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
from relentropy.cli import main
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
def test_no_space_left(files, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "rows.csv").write_text("what was there before")
    arguments = [str(files / "p.npy"), str(files / "q.npy"), "--per-row", str(out / "rows.csv")]
    command = [sys.executable, "-c", LIMITED, "compare"]
    done = subprocess.run(command + arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line == f"Error: --per-row {out}/rows.csv cannot be written: File too large"
    assert [one.name for one in out.iterdir()] == ["rows.csv"]
    assert (out / "rows.csv").read_text() == "what was there before"
    checkpoint = ["--checkpoint", str(out / "c"), "--block-rows", "5"]
    command += arguments[:2] + checkpoint
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"Error: --checkpoint {out}/c cannot be written: File too large\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("option", ["--json", "--strict"])
def test_a_result_that_cannot_be_printed(files, option):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [*COMMAND, str(files / "p.npy"), str(files / "r.npy"), option],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "Error: the result cannot be printed: No space left on device\n"


def test_no_bar_where_nobody_looks(files):
    done = subprocess.run(
        [*COMMAND, str(files / "p.npy"), str(files / "r.npy")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("width", [30, 40, 63, 64, 100])
def test_a_bar_on_a_terminal(files, width):
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(width)}
    arguments = [str(files / "p.npy"), str(files / "r.npy"), "--json", "--block-rows", "1"]
    process = subprocess.Popen(
        COMMAND + arguments, stdout=subprocess.PIPE, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(ours)
    output, _ = process.communicate()
    assert process.returncode == 0
    json.loads(output)
    text = shown.decode()
    assert ("rows/s" in text) == (width >= 64)  # where there is room for it
    assert "60/60" in text
    assert "…" not in text
    assert "left" in text


def test_several_students_side_by_side(files):
    names = [files / f"{name}.npy" for name in "pqr"]
    report = json.loads(run(*names, "--json").stdout)
    shown = run(*names).stdout
    for student, name in zip(report["students"], "qr", strict=True):
        alone = json.loads(run(names[0], files / f"{name}.npy", "--json").stdout)
        assert alone["students"] == [student]
        assert alone["teacher"] == report["teacher"]
        assert f"{student['kl']['p99']:#.6g}" in shown
        assert f"{name}.npy" in shown
    assert max(map(len, shown.splitlines()[4:])) <= 80


@pytest.mark.parametrize("link", [None, "symlink_to", "hardlink_to"])
@pytest.mark.parametrize("option", ["--per-row", "--plot", "--checkpoint"])
def test_nothing_is_written_over_what_is_read(files, option, link):
    """Under its own name, whatever its suffix, or under another one."""
    read = files / ("q.png" if option == "--plot" else "q.csv")
    (files / "q.npy").rename(read)
    before, target = read.read_bytes(), read
    if link is not None:
        target = files / ("link" + read.suffix)
        getattr(target, link)(read)
    result = run(files / "p.npy", read, option, target)
    assert result.exit_code == 2
    assert f"{option} {target} would overwrite {read}; name another file" in result.stderr
    assert read.read_bytes() == before


def test_masks_and_tokens_are_not_written_over_either(files):
    tokens = files / "tokens.csv"
    (files / "tokens.npy").rename(tokens)
    before = tokens.read_bytes()
    given = files / "p.npy", files / "r.npy", "--tokens", tokens
    assert run(*given, "--per-row", tokens).exit_code == 2
    assert tokens.read_bytes() == before


def test_two_outputs_are_two_files(files, tmp_path):
    both = tmp_path / "rows.csv"
    given = files / "p.npy", files / "r.npy"
    result = run(*given, "--per-row", both, "--checkpoint", tmp_path / "." / "rows.csv")
    assert result.exit_code == 2
    assert f"--checkpoint {both} would overwrite --per-row {both}" in result.stderr
    assert not both.exists()
