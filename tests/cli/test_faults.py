"""What the command says where it cannot go on: one line on standard error, and status 2."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner

from relentropy.cli.app import app

MAIN = [sys.executable, "-c", "from relentropy.cli import main; main()"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    for name in "pq":
        np.save(folder / f"{name}.npy", rng.standard_normal((40, 50)))
    return str(folder / "p.npy"), str(folder / "q.npy")


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


USES = {
    "an option that is not there": ("compare", "p", "q", "--bits"),
    "an option in part": ("compare", "p", "q", "--work", "2"),
    "no number": ("compare", "p", "q", "--base", "bits"),
    "a number out of range": ("compare", "p", "q", "--base", "1"),
    "no choice": ("compare", "p", "q", "--theme", "blue"),
    "a suffix": ("compare", "p", "q", "--plot", "a\nb\x1b[31m.jpg"),
    "no value": ("compare", "p", "q", "--plot"),
    "no student": ("compare", "p"),
    "no files": ("compare",),
    "no such command": ("compere", "p", "q"),
    "an option of the group": ("--bits", "compare", "p", "q"),
    "too much": ("backends", "extra"),
    "no such function": ("accuracy", "kl\ndiv"),
    "no such library": ("accuracy", "--backend", "tensorflow"),
    "a line end in a name": ("compare", "a\nb.npy", "\x1b[31mq.npy"),
}


@pytest.mark.parametrize("arguments", USES.values(), ids=USES)
def test_wrong_uses_are_one_line(arguments):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert line.isprintable()


def test_wrong_uses_name_the_help():
    for arguments, command in [(["compare", "p"], " compare"), (["--bits"], "")]:
        line = run(*arguments).stderr
        assert line.endswith(f" Try 'relentropy{command} --help'.\n")
    assert "Usage: relentropy compare [OPTIONS]" in run("compare", "--help").stdout


def test_no_command_shows_the_help():
    result = run()
    assert "Usage: " in result.output
    assert "compare" in result.output


@pytest.fixture
def shell():
    """Run the command with redirections, as only a shell does them."""
    if os.name != "posix":
        pytest.skip("a shell's redirections")

    def run_in_shell(redirection, *arguments):
        return subprocess.run(
            ["/bin/sh", "-c", f'"$@" {redirection}', "sh", *MAIN, *arguments],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run_in_shell


@pytest.mark.parametrize(
    "arguments", [("compare",), ("compare", "--json"), ("--help",), ("compare", "--help")]
)
def test_no_standard_output(shell, files, arguments):
    given = files if arguments[-1] != "--help" else ()
    result = shell(">&-", *arguments, *given)
    assert result.returncode == 2
    assert result.stderr == "Error: standard output is closed\n"


def test_no_standard_output_and_nothing_written(shell, files, tmp_path):
    rows = tmp_path / "rows.csv"
    assert shell(">&-", "compare", *files, "--per-row", str(rows)).returncode == 2
    assert not rows.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "arguments", [("--help",), ("compare", "--help"), ("--version",), ("backends", "--help")]
)
def test_help_that_cannot_be_printed(shell, arguments):
    result = shell(">/dev/full", *arguments)
    assert result.returncode == 2
    assert result.stderr == "Error: the result cannot be printed: No space left on device\n"


@pytest.mark.parametrize("redirection", ["2>&-", "<&-", "<&- 2>&-"])
def test_other_streams_may_be_closed(shell, files, redirection):
    result = shell(
        redirection, "compare", *files, "--json", "--workers", "2", "--block-rows", "9"
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("{")


def test_a_fault_with_nowhere_to_say_it(shell):
    assert shell("2>&-", "compare", "no", "no").returncode == 2


def test_a_reader_that_has_seen_enough(shell, files):
    result = shell("| head -c 1", "compare", *files)
    assert result.stderr == ""


def interrupted(files, workers, *delays):
    """Interrupt a run that has started after each of the delays; what it says."""
    many = "--workers", str(workers), "--block-rows", "1"
    process = subprocess.Popen(
        [*MAIN[:2], STARTED, "compare", *files, *many],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == "started\n"
    for delay in delays:
        time.sleep(delay)
        with suppress(ProcessLookupError):  # it has ended
            os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def ended(said):
    """Whether the run was over before it was interrupted."""
    status, output, errors = said
    return status == 0 and output and not errors


sends_signals = pytest.mark.skipif(os.name != "posix", reason="interrupts a group of processes")


@sends_signals
@pytest.mark.parametrize(
    ("workers", "delays"), [(1, (0.0, 0.2)), (3, (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.6))]
)
def test_ctrl_c_at_any_time_is_one_line(files, workers, delays):
    """Also while processes start, which the terminal interrupts as well."""
    said = {interrupted(files, workers, delay) for delay in delays}
    assert {one for one in said if not ended(one)} == {(130, "", "Interrupted\n")}


@sends_signals
@pytest.mark.parametrize("workers", [1, 3])
def test_ctrl_c_more_than_once(files, workers):
    said = {interrupted(files, workers, 0.05, gap, gap, gap) for gap in (0.002, 0.01, 0.03)}
    assert {one for one in said if not ended(one)} == {(130, "", "Interrupted\n")}


# Says when the measuring begins, and never ends by itself.
STARTED = """
from relentropy.cli import main, running
from relentropy.cli.measures import Job
import time
whole = running._first if "3" in __import__("sys").argv else Job.measure
def slow(*arguments):
    time.sleep(0.5)
    return whole(*arguments)
if "3" in __import__("sys").argv:
    running._first = slow
else:
    Job.measure = slow
first = running.run
def run(*arguments, **options):
    print("started", flush=True)
    return first(*arguments, **options)
import relentropy.cli.app
relentropy.cli.app.run = run
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="pipes as a shell makes them")
def test_a_reader_who_has_seen_enough(files):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*MAIN, "compare", *files], check=False, stdout=write, stderr=subprocess.PIPE
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
