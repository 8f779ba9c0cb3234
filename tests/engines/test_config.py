"""What serves and on how many threads: functions, environment variables, processes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import relentropy
from relentropy._engines import config

try:
    from relentropy._engines import _cpu
except ImportError:
    _cpu = None

built = pytest.mark.skipif(_cpu is None, reason="the engine is not built")


def in_a_process(code, **variables):
    """What Python prints, of a process in which only these of our variables are set."""
    ours = {config.ENGINE, config.THREADS, "OMP_NUM_THREADS"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def printed(code, **variables):
    done = in_a_process(code, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    """What is found out once for the process is as it was, whatever a test does."""
    for name in ("choice", "set_threads", "default_threads"):
        monkeypatch.setattr(config._Settled, name, getattr(config._Settled, name))


@pytest.fixture
def environment(monkeypatch):
    """Sets our variables, and has this process find out about its threads anew."""

    def set_to(**variables):
        for name in (config.THREADS, "OMP_NUM_THREADS"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        config._Settled.set_threads = config._Settled.default_threads = None

    return set_to


ENGINE = "from relentropy._engines import config; config.engine(); print(config.in_words())"
THREADS = "import relentropy; print(relentropy.get_num_threads())"


def test_the_engine_is_found_unless_it_is_switched_off():
    found = printed(ENGINE)
    if _cpu is None:
        assert found.startswith("generic: not built (no working C++ compiler was found")
        assert "pip install" in found
    else:
        assert found == f"compiled/{_cpu.instruction_sets()[0]}"
    assert printed(ENGINE, RELENTROPY_ENGINE="generic") == "generic: RELENTROPY_ENGINE=generic"
    assert printed(ENGINE, RELENTROPY_ENGINE=" Auto ") == found
    assert printed(ENGINE, RELENTROPY_ENGINE="") == found


@built
def test_the_environment_chooses_an_instruction_set():
    for name in _cpu.instruction_sets():
        assert printed(ENGINE, RELENTROPY_ENGINE=name) == f"compiled/{name}"
    assert printed(ENGINE, RELENTROPY_ENGINE="compiled") == printed(ENGINE)


def test_an_engine_that_nobody_knows():
    done = in_a_process(ENGINE, RELENTROPY_ENGINE="fast")
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith(
        "ValueError: RELENTROPY_ENGINE must be one of auto, compiled, generic"
    )
    assert last.endswith("not 'fast'")


def test_an_engine_that_is_asked_for_and_missing():
    hidden = "import sys; sys.modules['relentropy._engines._cpu'] = None\n"
    done = in_a_process(hidden + ENGINE, RELENTROPY_ENGINE="compiled")
    assert "RELENTROPY_ENGINE=compiled, but the engine is not built" in done.stderr
    assert printed(hidden + ENGINE).startswith("generic: not built")
    shown = printed(hidden + "import relentropy; relentropy.show_config()")
    assert "generic: not built" in shown
    assert "instruction sets  none" in shown


@built
def test_an_engine_that_cannot_be_loaded(tmp_path):
    # A file of that name which is no library, found in front of the real one.
    (tmp_path / Path(_cpu.__file__).name).write_bytes(b"nothing")
    first = f"import relentropy._engines as e; e.__path__.insert(0, {str(tmp_path)!r})\n"
    found = printed(first + ENGINE)
    assert found.startswith("generic: built, but cannot be loaded here: ")


def test_importing_the_library_loads_no_engine():
    code = "import relentropy, sys; print('relentropy._engines._cpu' in sys.modules)"
    assert printed(code, RELENTROPY_ENGINE="fast", RELENTROPY_NUM_THREADS="x") == "False"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"RELENTROPY_NUM_THREADS": " 3 "}, 3),
        ({"RELENTROPY_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"RELENTROPY_NUM_THREADS": "", "OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "5,2"}, 5),
        ({"OMP_NUM_THREADS": "all"}, config._processors()),
        ({}, config._processors()),
    ],
)
def test_threads_of_the_environment(variables, expected, environment):
    environment(**variables)
    assert relentropy.get_num_threads() == config.threads_for("numpy") == expected
    assert relentropy.show_config("dicts")["threads"].startswith(f"{expected} (from ")


def test_threads_of_a_new_process():
    assert printed(THREADS, RELENTROPY_NUM_THREADS="3") == "3"
    assert 1 <= int(printed(THREADS)) <= os.cpu_count()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="not on this system")
def test_threads_are_no_more_than_the_processors_allowed():
    one = f"import os; os.sched_setaffinity(0, [{min(os.sched_getaffinity(0))}])\n"
    assert printed(one + THREADS) == "1"


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "4,2", "²"])
def test_threads_that_are_no_number(value, environment):
    environment(RELENTROPY_NUM_THREADS=value)
    expected = f"RELENTROPY_NUM_THREADS must be a positive whole number, not {value!r}"
    for _ in range(2):  # it does not pass the second time
        with pytest.raises(ValueError, match=re.escape(expected)):
            relentropy.get_num_threads()
    with pytest.raises(ValueError, match=re.escape(expected)):
        config.threads_for("numpy")
    assert relentropy.show_config("dicts")["threads"] == expected
    relentropy.set_num_threads(2)  # what is set here needs no variable
    assert relentropy.get_num_threads() == 2


def test_threads_that_are_set():
    default = relentropy.get_num_threads()
    relentropy.set_num_threads(default + 1)
    assert relentropy.get_num_threads() == default + 1
    assert config.threads_for("numpy") == config.threads_for("torch") == default + 1
    found = relentropy.show_config(mode="dicts")["threads"]
    assert found == f"{default + 1} (from set_num_threads)"
    relentropy.set_num_threads(None)
    assert relentropy.get_num_threads() == default


@pytest.mark.parametrize(
    ("n", "error", "words"),
    [
        (0, ValueError, "n must be at least 1, not 0"),
        (-3, ValueError, "n must be at least 1, not -3"),
        (2.0, TypeError, "n must be an integer or None, not 2.0"),
        ("2", TypeError, "n must be an integer or None, not '2'"),
        (True, TypeError, "n must be an integer or None, not True"),
    ],
)
def test_threads_that_cannot_be_set(n, error, words):
    default = relentropy.get_num_threads()
    with pytest.raises(error, match=words):
        relentropy.set_num_threads(n)
    assert relentropy.get_num_threads() == default


def test_tensors_follow_torch_unless_we_were_told(environment):
    torch = pytest.importorskip("torch")
    environment(OMP_NUM_THREADS="2")
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert (config.threads_for("torch"), config.threads_for("numpy")) == (3, 2)
        environment(RELENTROPY_NUM_THREADS="7")
        assert (config.threads_for("torch"), config.threads_for("numpy")) == (7, 7)
    finally:
        torch.set_num_threads(before)


def test_the_configuration_as_a_dict_and_in_print(capsys):
    found = relentropy.show_config(mode="dicts")
    assert list(found) == [
        "relentropy", "python", "engine", "instruction sets", "threads", "array libraries",
    ]  # fmt: skip
    assert found["relentropy"] == relentropy.__version__
    assert found["array libraries"]["numpy"] == sys.modules["numpy"].__version__
    assert relentropy.show_config() is None
    lines = capsys.readouterr().out.splitlines()
    assert [line[:18].strip() for line in lines] == list(found)
    assert found["engine"] in lines[2]
    with pytest.raises(ValueError, match="mode must be 'stdout' or 'dicts', not 'json'"):
        relentropy.show_config("json")


def test_the_formulas_can_be_asked_for():
    before = config.engine()
    with config.using("generic"):
        assert config.engine() is None
        assert config.in_words().startswith("generic")
    assert config.engine() is before


@built
def test_instruction_sets_can_be_asked_for_and_are_put_back():
    before = config.in_words()
    for name in _cpu.instruction_sets():
        with config.using(name):
            assert config.engine() is _cpu
            assert _cpu.current() == name
            with config.using("generic"):
                assert config.engine() is None
            assert config.in_words() == f"compiled/{name}"
        assert config.in_words() == before
    with pytest.raises(RuntimeError, match="inside"), config.using(name):
        raise RuntimeError("inside")
    assert config.in_words() == before
    with pytest.raises(ValueError, match="there is no instruction set 'mmx' here"):
        config.using("mmx").__enter__()
    assert config.in_words() == before


def test_the_command_says_what_serves():
    pytest.importorskip("click")
    pytest.importorskip("rich")
    from relentropy.cli.backends import facts

    assert facts()["engine"] == config.in_words()
