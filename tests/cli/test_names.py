"""Names of files and students that are not plain words, wherever they are written."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner

from relentropy.cli.app import app
from relentropy.cli.names import printable

NAMES = {
    "not UTF-8": ("z\udcff.npy", r"z\xff.npy"),
    "a line end": ("a\nb.npy", r"a\nb.npy"),
    "escape": ("\x1b[31mred.npy", r"\x1b[31mred.npy"),
    "right to left": ("\u202egnp.npy", r"\u202egnp.npy"),
    "markup": ("[bold]x.npy", "[bold]x.npy"),
    "an emoji's code": (":smile:.npy", ":smile:.npy"),
    "half a formula": ("$x_y^{$.npy", "$x_y^{$.npy"),
    "a formula": (r"$\alpha$ \$.npy", r"$\alpha$ \$.npy"),
    "hidden from legends": ("_x.npy", "_x.npy"),
    "Japanese": ("日本.npy", "日本.npy"),
}
of_every_name = pytest.mark.parametrize(("name", "shown"), NAMES.values(), ids=NAMES)


def run(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Three arrays under plain names."""
    folder = tmp_path_factory.mktemp("plain")
    rng = np.random.default_rng(0)
    for name in "pqr":
        np.save(folder / f"{name}.npy", rng.standard_normal((12, 20)))
    return folder


@pytest.fixture
def named(plain, tmp_path, name):
    """Two students' files, the first of them under the name."""
    try:
        shutil.copy(plain / "q.npy", tmp_path / name)
    except (OSError, UnicodeError):
        pytest.skip("no such name here")
    return [plain / "p.npy", tmp_path / name, shutil.copy(plain / "r.npy", tmp_path / "r.npy")]


@of_every_name
def test_a_name_is_one_line_of_text(name, shown):
    assert printable(name) == shown
    assert printable(Path("d") / name) == str(Path("d") / shown)
    shown.encode()


@of_every_name
def test_tables_and_json_show_the_name(named, name, shown, tmp_path):
    for files in (named[:2], named):
        result = run(*files)
        assert (result.exit_code, result.stderr) == (0, "")
        assert f"student  {tmp_path / shown}  float64" in result.stdout.splitlines()
        if len(files) == 3:
            assert f"largest KL(teacher || student), {shown}" in result.stdout
            assert f" {shown} │" in result.stdout
        result = run(*files, "--json")
        result.stdout.encode()
        student, *_ = json.loads(result.stdout)["students"]
        student["file"].encode()
        assert student["file"] == str(tmp_path / shown)


def test_remarks_show_the_name(plain, tmp_path):
    bad = np.load(plain / "q.npy")
    bad[3] = np.nan
    np.save(tmp_path / "[b]x.npy", bad)
    result = run(plain / "p.npy", tmp_path / "[b]x.npy", plain / "r.npy")
    assert "KL(teacher || student) of [b]x.npy is nan in 1 of 12 rows" in (
        " ".join(result.stdout.split())
    )


@of_every_name
def test_rows_have_the_name(named, name, shown, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    result = run(*named, "--per-row", tmp_path / "rows.csv")
    assert (result.exit_code, result.stderr) == (0, "")
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["student"] == str(tmp_path / shown)
    result = run(*named, "--per-row", tmp_path / "rows.parquet")
    assert (result.exit_code, result.stderr) == (0, "")
    table = parquet.read_table(tmp_path / "rows.parquet").to_pydict()
    assert table["student"][0] == str(tmp_path / shown)


@of_every_name
def test_pictures_show_the_name(named, name, shown, tmp_path, monkeypatch):
    """As it is: nothing of it is a formula, and every student stands in the legend."""
    pytest.importorskip("matplotlib")
    from matplotlib.backends import backend_agg

    texts = []
    drawn = backend_agg.RendererAgg.draw_text

    def kept(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        texts.append((s, ismath))
        return drawn(self, gc, x, y, s, prop, angle, ismath, mtext)

    monkeypatch.setattr(backend_agg.RendererAgg, "draw_text", kept)
    result = run(*named, "--plot", tmp_path / "plot.png")
    assert (result.exit_code, result.stderr) == (0, "")
    ours = [(text, ismath) for text, ismath in texts if text.startswith(f"{shown}: median")]
    assert ours
    assert not any(ismath for _, ismath in ours)


OUTPUTS = [
    ("--per-row", "csv", "click"),
    ("--per-row", "parquet", "pyarrow"),
    ("--plot", "png", "matplotlib"),
    ("--plot", "svg", "matplotlib"),
    ("--plot", "pdf", "matplotlib"),
    ("--checkpoint", "ckpt", "click"),
]


@pytest.mark.parametrize(("option", "suffix", "package"), OUTPUTS)
def test_outputs_may_have_such_names(plain, tmp_path, option, suffix, package):
    pytest.importorskip(package)
    path = tmp_path / f"o\udcff\n[x].{suffix}"
    try:
        path.touch()
    except (OSError, UnicodeError):
        pytest.skip("no such name here")
    path.unlink()
    result = run(plain / "p.npy", plain / "q.npy", option, path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert path.exists() == (option != "--checkpoint")
