"""The extension module: what it takes and refuses, threads and forks, and how it is built."""

import os
import shutil
import subprocess
import sys
import threading
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
try:
    from relentropy._engines import _cpu
except ImportError:
    _cpu = None

built = pytest.mark.skipif(_cpu is None, reason="the engine is not built")
FLOAT64 = 3
PLAIN = (1.0, 0.0, 0.0)  # nats, and no mask


def described(array, reduced, batch):
    """An array as the module takes it, its axes in the order reduced, batch."""
    strides = tuple(array.strides[axis] for axis in (*reduced, *batch))
    return array.ctypes.data, FLOAT64, strides


def summed(array, reduced, threads=1):
    """The example kernel: sums along axes, however the array lies."""
    batch = tuple(axis for axis in range(array.ndim) if axis not in reduced)
    out = np.full([array.shape[axis] for axis in batch], np.nan)
    _cpu.run(
        _cpu.kernels()["total"],
        tuple(array.shape[axis] for axis in reduced),
        out.shape,
        (described(array, reduced, batch),),
        ((out.ctypes.data, FLOAT64, (0,) * len(reduced) + out.strides),),
        PLAIN,
        threads,
    )
    return out


@pytest.fixture(params=_cpu.instruction_sets() if _cpu else ())
def instruction_set(request):
    before = _cpu.current()
    _cpu.use(request.param)
    yield request.param
    _cpu.use(before)


VIEWS = {
    "plain": lambda a: a,
    "reversed": lambda a: a[::-1, :, ::-1],
    "strided": lambda a: a[:, ::2, 1::3],
    "transposed": lambda a: a.T,
    "broadcast": lambda a: np.broadcast_to(a[:1], (4, *a.shape[1:])),
}


@built
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("reduced", [(), (2,), (0,), (2, 0), (0, 1, 2)])
@pytest.mark.parametrize("view", VIEWS)
def test_any_strides_and_any_axes(view, reduced, threads, instruction_set):
    array = VIEWS[view](np.arange(7 * 6 * 10, dtype=float).reshape(7, 6, 10))
    np.testing.assert_array_equal(summed(array, reduced, threads), array.sum(axis=reduced))


@built
def test_as_many_axes_as_numpy_has():
    array = np.broadcast_to(np.float64(1.5), (1,) * 62 + (2, 3))
    assert summed(array, tuple(range(64))) == 9.0


@built
def test_every_set_has_the_same_kernels():
    before = _cpu.current()
    tables = []
    for name in _cpu.instruction_sets():
        _cpu.use(name)
        tables.append(_cpu.kernels())
    _cpu.use(before)
    assert all(table == tables[0] for table in tables)
    assert list(tables[0].values()) == list(range(len(tables[0])))


ONE = (0, FLOAT64, (8,))
REFUSALS = {
    "no such kernel": ((10**6, (), (), (), (), (), 1), KeyError, "1000000"),
    "negative kernel": ((-1, (), (), (), (), (), 1), KeyError, "-1"),
    "too few": ((0,), TypeError, "run takes 7 arguments, not 1"),
    "name": (("total", (), (), (), (), (), 1), TypeError, "str"),
    "list of sizes": ((0, [2], (), (), (), (), 1), TypeError, "reduced must be a tuple"),
    "negative size": ((0, (), (-1,), (), (), (), 1), ValueError, "batch holds a negative size"),
    "sizes of float": ((0, (2.0,), (), (), (), (), 1), TypeError, "float"),
    "too large": ((0, (2**63,), (), (), (), (), 1), OverflowError, "int"),
    "65 axes": ((0, (1,) * 32, (1,) * 33, (), (), (), 1), ValueError, "more than 64 axes"),
    "17 arrays": ((0, (1,), (), (ONE,) * 17, (), (), 1), ValueError, "more than 16 arrays"),
    "no array": ((0, (1,), (), (1,), (), (), 1), TypeError, "inputs must be a tuple, not 1"),
    "half an array": ((0, (1,), (), (), (ONE[:2],), (), 1), ValueError, "outputs must hold"),
    "dtype": ((0, (1,), (), ((0, 9, (8,)),), (), (), 1), ValueError, "there is no dtype 9"),
    "strides": ((0, (1,), (), ((0, 3, ()),), (), (), 1), ValueError, "1 axes, but strides"),
    "address": ((0, (1,), (), (("x", 3, (8,)),), (), (), 1), TypeError, "int"),
    "9 options": ((0, (), (), (), (), (0.5,) * 9, 1), ValueError, "more than 8 options"),
    "option": ((0, (), (), (), (), ("x",), 1), TypeError, "real number"),
    "threads": ((0, (), (), (), (), (), 0), ValueError, "threads must be at least 1, not 0"),
    "of the kernel": ((0, (), (), (), (), (), 1), ValueError, "too few options"),
    "arrays": ((0, (1,), (), (ONE,), (), PLAIN, 1), ValueError, "another number of arrays"),
    "nothing": ((0, (0,), (), (ONE,), (ONE,), PLAIN, 1), ValueError, "nothing to compute"),
    "bools": ((0, (1,), (), ((0, 4, (8,)),), (ONE,), PLAIN, 1), ValueError, "floating-point"),
}  # fmt: skip


@built
@pytest.mark.parametrize("case", REFUSALS)
def test_what_run_refuses(case):
    arguments, error, words = REFUSALS[case]
    with pytest.raises(error, match=words):
        _cpu.run(*arguments)


@built
def test_unknown_instruction_sets():
    before = _cpu.current()
    with pytest.raises(ValueError, match="there is no instruction set 'mmx' here"):
        _cpu.use("mmx")
    with pytest.raises(TypeError, match="name must be a string"):
        _cpu.use(2)
    assert _cpu.current() == before


@built
def test_calls_from_many_threads_at_once():
    array = np.arange(64.0 * 1000).reshape(64, 1000)
    expected, right = array.sum(axis=1), []

    def work():
        right.extend(np.array_equal(summed(array, (1,), 2), expected) for _ in range(20))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(right) == 160
    assert all(right)


@built
def test_the_interpreter_is_free_while_a_kernel_runs():
    array = np.broadcast_to(1.0, (1, 30_000_000))
    done, ticks = threading.Event(), 0

    def work():
        summed(array, (1,))
        done.set()

    worker = threading.Thread(target=work)
    worker.start()
    while not done.wait(0.001):
        ticks += 1
    worker.join()
    assert ticks >= 5


FORK = """
import os, sys, threading
from tests.engines.test_build import np, summed
array = np.arange(64.0 * 1000).reshape(64, 1000)
expected = array.sum(axis=1)
assert (summed(array, (1,), threads=4) == expected).all()     # threads before the fork,
stop = threading.Event()
def work():
    while not stop.is_set():
        summed(array, (1,), threads=4)                        # during it,
worker = threading.Thread(target=work)
worker.start()
codes = []
for _ in range(10):
    child = os.fork()
    if child == 0:
        right = (summed(array, (1,), threads=4) == expected).all()  # and in the child
        os._exit(0 if right else 1)
    codes.append(os.waitpid(child, 0)[1])
stop.set()
worker.join()
print(codes == [0] * 10)
"""


@built
@pytest.mark.skipif(not hasattr(os, "fork"), reason="not on this system")
def test_a_process_may_fork_at_any_time():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "True"


def fresh(path):
    """An environment with nothing in it, and its Python."""
    venv.create(path, with_pip=True)
    return path / ("Scripts" if sys.platform == "win32" else "bin") / "python"


@pytest.fixture
def sources(tmp_path):
    """What a checkout has, without what was built in it."""
    copy = tmp_path / "sources"
    (copy / "src").mkdir(parents=True)
    for name in ("pyproject.toml", "CMakeLists.txt", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, copy)
    leave = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
    shutil.copytree(ROOT / "src" / "relentropy", copy / "src" / "relentropy", ignore=leave)
    return copy


def wheel_of(sources, python, **variables):
    """Build a wheel; what was said, the wheel's name and the names of the files in it."""
    done = subprocess.run(
        [python, "-m", "pip", "wheel", "-v", "--no-deps", "-w", "dist", "."],
        cwd=sources,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # where pip passes on what the build says
        text=True,
        check=True,
    )
    (wheel,) = (sources / "dist").glob("*.whl")
    return done.stdout, wheel, zipfile.ZipFile(wheel).namelist()


def needed_by_all(names):
    yield any(name.endswith("licenses/LICENSE") for name in names)
    yield "relentropy/py.typed" in names
    yield sum(name.startswith("relentropy/testing/truths/") for name in names) == len(
        list((ROOT / "src/relentropy/testing/truths").iterdir())
    )
    yield any(name.endswith("entry_points.txt") for name in names)
    yield not any(name.endswith((".cpp", ".pyc")) for name in names)


@pytest.mark.full
def test_a_wheel_has_the_engine_for_every_python(sources, tmp_path):
    _, wheel, names = wheel_of(sources, fresh(tmp_path / "env"))
    assert "-cp311-abi3-" in wheel.name
    binaries = [name for name in names if name.endswith((".so", ".pyd"))]
    assert [Path(name).name.partition(".")[0] for name in binaries] == ["_cpu"]
    assert all(needed_by_all(names))


@pytest.mark.full
@pytest.mark.parametrize("broken", ["compiler", "source"])
def test_without_a_working_compiler_the_installation_succeeds(broken, sources, tmp_path):
    python = fresh(tmp_path / "env")
    variables = {}
    if broken == "compiler":
        fails = str(shutil.which("false") or tmp_path / "missing")
        variables = {"CC": fails, "CXX": fails}
    else:
        with (sources / "src/relentropy/_engines/native/module.cpp").open("a") as file:
            file.write("\nthis is not C++\n")
    said, wheel, names = wheel_of(sources, python, **variables)
    assert "relentropy is installed without its compiled engine" in said
    assert "C++ compiler" in said
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not any(name.endswith((".so", ".pyd")) for name in names)
    assert all(needed_by_all(names))

    subprocess.run([python, "-m", "pip", "install", "-q", wheel], check=True)
    code = (
        "import relentropy; relentropy.show_config()\n"
        "print(relentropy.kl_divergence([0.5, 0.5], [0.25, 0.75]))"
    )
    ours = ("PYTHON", "RELENTROPY")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    done = subprocess.run(
        [python, "-c", code],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "generic: not built (no working C++ compiler was found" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("0.1438")
