"""The examples, and the pages that need torch and jax: run and held to what they claim."""

import doctest
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


# Pages that need more than the session `docs` has, by what they need.
PAGES = {
    "guides/audit": ("torch",),
    "guides/derivatives": ("torch", "jax"),
    "guides/scaling": ("dask", "torch"),
    "how/gpu": ("torch",),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page(name):
    for library in PAGES[name]:
        pytest.importorskip(library)
    page = ROOT / "docs" / f"{name}.md"
    options = doctest.ELLIPSIS  # for last digits that differ between processors
    failed, tried = doctest.testfile(str(page), module_relative=False, optionflags=options)
    assert tried >= 7
    assert failed == 0


def test_pages_are_left_out_of_the_session_that_are_run_here():
    session = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert set(re.findall(r'"docs/(\w+/\w+)\.md"', session)) == set(PAGES)


def test_distilling_to_the_end():
    pytest.importorskip("torch")
    example = runpy.run_path(str(EXAMPLES / "distill.py"))
    usual, ours = (
        example["distil"](example[loss], steps=400) for loss in ("ordinary", "accurate")
    )
    assert usual.divergences[0] == ours.divergences[0] > 1e-2
    # The ordinary loss stalls near 1e-6, and says less than nothing about it.
    assert min(usual.divergences) > 1e-6
    assert min(usual.losses) < 0
    # This one goes on, down to what bfloat16 logits can say, and is what it says it is.
    assert ours.divergences[-1] < 1e-7
    assert min(ours.losses) > 0
    assert ours.divergences[-1] < usual.divergences[-1] / 10


def test_distilling_without_logits():
    pytest.importorskip("torch")
    example = runpy.run_path(str(EXAMPLES / "distill_heads.py"))
    # 38 MB of logits, of each of which there are two and a gradient: more than an allocator
    # keeps to hand out again, which would not show.
    size = {"words": 40_000, "batch": 2, "steps": 3}
    whole, tiles = (
        example["distil"](example[loss], **size) for loss in ("with_logits", "without_logits")
    )
    assert tiles.losses == pytest.approx(whole.losses, rel=1e-5)
    assert tiles.losses[-1] < tiles.losses[0]
    if whole.megabytes > 38:  # or the system does not tell
        assert tiles.megabytes < whole.megabytes / 2


def test_the_page_on_heads():
    page = ROOT / "docs" / "guides" / "heads.md"
    failed, tried = doctest.testfile(str(page), module_relative=False)
    assert tried >= 6
    assert failed == 0


def test_a_grpo_loss_by_hand():
    example = runpy.run_path(str(EXAMPLES / "grpo_on_numpy.py"))
    for seed in range(5):
        batch = example["drawn"](seed)
        loss = float(example["by_library"](batch).loss)
        assert loss == pytest.approx(example["by_hand"](batch), rel=1e-12)
        assert loss == pytest.approx(sum(example["by_micro_batches"](batch)), rel=1e-12)
    example["main"]()


@pytest.mark.parametrize("name", ["two_modes", "estimator_spread"])
def test_a_picture(name, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    example = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    monkeypatch.setattr("sys.argv", [f"{name}.py", str(tmp_path)])
    example["main"]()
    path = tmp_path / f"{name}.png"
    assert capsys.readouterr().out.endswith(f"{path}\n")
    assert path.read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr("sys.argv", [f"{name}.py"])
    with pytest.raises(SystemExit, match="usage"):
        example["main"]()


def test_schulmans_table_as_it_is_printed():
    example = runpy.run_path(str(EXAMPLES / "estimator_spread.py"))
    rows = [line.split() for line in example["table"]().splitlines()[1:]]
    assert rows[1] == ["k2", "0.005", "0.0025", "1.4177"]
    assert rows[5][3] == "1.6950"
