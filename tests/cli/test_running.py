"""Processes, checkpoints and interruptions: the same bits."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner

from relentropy.cli.app import app

COMMAND = [sys.executable, "-c", "from relentropy.cli import main; main()", "compare"]


def run(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A teacher, two students, and the tokens that follow."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    teacher = 3 * rng.standard_normal((6, 50, 200)).astype(np.float32)
    for name, gap in (("p", 0), ("q", 0.01), ("r", 0.3)):
        noise = gap * rng.standard_normal(teacher.shape).astype(np.float32)
        np.save(folder / f"{name}.npy", teacher + noise)
    np.save(folder / "tokens.npy", rng.integers(-1, 200, (6, 50)))
    np.save(folder / "mask.npy", rng.random((6, 50)) < 0.7)
    return folder


def arguments(files, *more):
    names = [str(files / f"{name}.npy") for name in "pqr"]
    extra = ["--tokens", files / "tokens.npy", "--mask", files / "mask.npy", "--json"]
    return [*names, *map(str, extra), *map(str, more)]


@pytest.fixture(scope="module")
def undisturbed(files):
    result = run(*arguments(files))
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(
    "options", [("--workers", 2, "--block-rows", 17), ("--workers", 3, "--block-rows", 100)]
)
def test_the_same_bits_for_any_number_of_processes(files, undisturbed, options):
    result = run(*arguments(files, *options))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == undisturbed


def test_masked_rows_do_not_count(files, undisturbed, tmp_path):
    mask = np.load(files / "mask.npy")
    for name in "pqr":
        np.save(tmp_path / f"{name}.npy", np.load(files / f"{name}.npy")[mask])
    np.save(tmp_path / "tokens.npy", np.load(files / "tokens.npy")[mask])
    names = [tmp_path / f"{name}.npy" for name in "pqr"]
    fewer = json.loads(run(*names, "--tokens", tmp_path / "tokens.npy", "--json").stdout)
    masked = json.loads(undisturbed)
    assert (masked["rows"], masked["selected_rows"]) == (300, int(mask.sum()))
    for one, other in zip(masked["students"], fewer["students"], strict=True):
        for name in ("kl", "js", "entropy", "perplexity", "rows_past", "kl_by_top1"):
            assert one[name] == other[name]
        rows = [np.flatnonzero(mask)[worst["row"]] for worst in other["worst_rows"]]
        assert [worst["row"] for worst in one["worst_rows"]] == rows


def test_tokens_add_what_they_should(files):
    teacher, student = (
        np.load(files / f"{name}.npy").astype(np.longdouble).reshape(-1, 200) for name in "pr"
    )
    tokens = np.load(files / "tokens.npy").reshape(-1)
    result = run(files / "p.npy", files / "r.npy", "--tokens", files / "tokens.npy", "--json")
    (found,) = json.loads(result.stdout)["students"]
    known = tokens >= 0
    p, q = (a - np.log(np.exp(a).sum(-1, keepdims=True)) for a in (teacher, student))
    of_p, of_q = (a[np.flatnonzero(known), tokens[known]] for a in (p, q))
    perplexity = found["perplexity"]
    assert perplexity["tokens"] == known.sum()
    assert perplexity["teacher"] == pytest.approx(float(np.exp(-of_p.mean())), rel=1e-12)
    assert perplexity["student"] == pytest.approx(float(np.exp(-of_q.mean())), rel=1e-12)
    assert perplexity["ratio"] == pytest.approx(float(np.exp((of_p - of_q).mean())), rel=1e-12)
    kl = (np.exp(p) * (p - q)).sum(-1).astype(float)
    right = p.argmax(-1) == tokens
    for part, rows in zip(found["kl_by_top1"], (known & right, known & ~right), strict=True):
        assert part["rows"] == rows.sum()
        if rows.any():
            assert part["mean_kl"] == pytest.approx(kl[rows].mean(), rel=1e-9)
    by_position = kl.reshape(6, 50)
    assert [part["rows"] for part in found["kl_by_position"]] == [
        36,
        36,
        36,
        42,
        36,
        36,
        36,
        42,
    ]
    assert found["kl_by_position"][0]["name"] == "position 0-5"
    assert found["kl_by_position"][0]["mean_kl"] == pytest.approx(by_position[:, :6].mean())
    assert found["kl_by_position"][7]["mean_kl"] == pytest.approx(by_position[:, 43:].mean())
    (worst, *_) = found["worst_rows"]
    row = int(kl.argmax())
    assert (worst["row"], worst["position"]) == (row, row % 50)
    assert worst["token"] == (tokens[row] if known[row] else None)
    assert worst["student_top"] == q[row].argmax()
    top = p[row].argmax()
    assert worst["teacher_top_probability"] == pytest.approx(float(np.exp(p[row, top])))
    told = worst["student_probability_of_teacher_top"]
    assert told == pytest.approx(float(np.exp(q[row, top])))


def test_perplexities_of_probabilities(files, tmp_path):
    for name in "pr":
        a = np.load(files / f"{name}.npy").astype(float)
        np.save(tmp_path / f"{name}.npy", np.exp(a))
    tokens = files / "tokens.npy"
    logits = run(files / "p.npy", files / "r.npy", "--tokens", tokens, "--json")
    probs = run(tmp_path / "p.npy", tmp_path / "r.npy", "--tokens", tokens, "--json", "--probs")
    one, other = (json.loads(result.stdout)["students"][0] for result in (logits, probs))
    assert other["perplexity"] == pytest.approx(one["perplexity"], rel=1e-9)
    name = "top_probability_change_percent"
    assert other[name] == pytest.approx(one[name], rel=1e-6)


def is_alive(process_id):
    try:
        with open(f"/proc/{process_id}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(process_id):
    with open(f"/proc/{process_id}/task/{process_id}/children") as file:  # noqa: PTH123
        return [int(one) for one in file.read().split()]


@pytest.mark.skipif(
    not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists(),
    reason="looks at processes in /proc",
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_goes_on_to_the_same_bits(files, undisturbed, tmp_path, workers):
    checkpoint = tmp_path / "run.ckpt"
    more = ("--checkpoint", checkpoint, "--workers", workers, "--block-rows", 4)
    started = subprocess.Popen(COMMAND + arguments(files, *more))
    deadline = time.monotonic() + 60
    head, size_of_block = 89, 12 + 4 * 20 * 8
    while not checkpoint.exists() or checkpoint.stat().st_size < 20 * size_of_block:
        assert started.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    others = children(started.pid)
    started.send_signal(signal.SIGKILL)
    started.wait()
    size = checkpoint.stat().st_size
    with checkpoint.open("ab") as file:
        file.write(b"half of a block")  # what a crash of the system may leave
    while any(map(is_alive, others)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    blocks = []
    result = run(*arguments(files, *more), "--base", "2")
    assert result.exit_code == 2
    assert "is of another comparison" in result.stderr
    from relentropy.cli import measures

    with pytest.MonkeyPatch.context() as patch:
        whole = measures.Job.measure

        def counted(job, block):
            blocks.append(block)
            return whole(job, block)

        patch.setattr(measures.Job, "measure", counted)
        resumed = run(*arguments(files, *more[:2], *more[4:]))
    assert (resumed.exit_code, resumed.stderr) == (0, "")
    assert resumed.stdout == undisturbed
    assert len(blocks) == 75 - (size - head) // size_of_block
    assert not checkpoint.exists()


@pytest.mark.parametrize("at", [1000, 5000, -1])
def test_a_damaged_checkpoint_loses_what_is_damaged(files, undisturbed, tmp_path, at):
    from relentropy.cli import running

    checkpoint = tmp_path / "run.ckpt"
    more = ("--checkpoint", checkpoint, "--block-rows", 20)

    class Stopped(Exception):  # noqa: N818
        pass

    done = []

    def stop(job, block):
        if len(done) == 10:
            raise Stopped
        done.append(block)
        return whole(job, block)

    whole = running.Job.measure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.Job, "measure", stop)
        assert isinstance(run(*arguments(files, *more)).exception, Stopped)
    content = bytearray(checkpoint.read_bytes())
    content[at] ^= 1
    checkpoint.write_bytes(content)
    result = run(*arguments(files, *more))
    assert (result.exit_code, result.stdout) == (0, undisturbed)


def test_a_checkpoint_that_is_none(files, tmp_path):
    (tmp_path / "x").write_text("something else that is long enough to be looked at in full")
    for path, words in [
        (tmp_path / "x", "is no checkpoint; delete it or name another"),
        (tmp_path, "cannot be written: Is a directory"),
        (tmp_path / "none" / "x", "cannot be written: No such file or directory"),
    ]:
        result = run(*arguments(files, "--checkpoint", path))
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == f"Error: --checkpoint {path} {words}\n"
    assert (tmp_path / "x").read_text().startswith("something else")


def test_an_interrupt_says_how_to_go_on(files, tmp_path):
    from relentropy.cli import running

    def interrupted(job, block):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.Job, "measure", interrupted)
        result = run(*arguments(files, "--checkpoint", tmp_path / "c"))
        assert result.exit_code == 130
        assert result.stderr == "Interrupted; the same command goes on from there\n"
        assert run(*arguments(files)).stderr == "Interrupted\n"


def test_what_goes_wrong_in_a_process_is_one_line(files, tmp_path):
    for name in "pq":
        path = tmp_path / f"{name}.npz"
        np.savez_compressed(path, a=np.load(files / f"{name}.npy"))
    content = bytearray((tmp_path / "q.npz").read_bytes())
    content[100_000:100_040] = bytes(40)
    (tmp_path / "q.npz").write_bytes(content)
    more = ("--workers", 2, "--block-rows", 50)
    result = run(tmp_path / "p.npz", tmp_path / "q.npz", *more)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "is damaged; copy it again" in line
