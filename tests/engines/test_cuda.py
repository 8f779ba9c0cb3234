"""CuPy's kernels without a GPU: run as plain C++ on the host, and compiled to PTX."""

import ctypes
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import relentropy
from relentropy import special
from relentropy._engines import config
from relentropy._engines import cupy as engine
from relentropy.estimators import token_log_probs
from relentropy.testing import assert_ulp

from ..oracle import evaluate

RNG = np.random.default_rng(5)


class _Host:
    """The device's kernels as if they were the compiled module's."""

    def __init__(self, path):
        self._library = ctypes.CDLL(str(path))
        self._library.name_of.restype = ctypes.c_char_p
        assert self._library.size_of_call() == ctypes.sizeof(engine.Call)
        self.calls = 0

    def kernels(self):
        names, i = {}, 0
        while name := self._library.name_of(i):
            names[name.decode()] = i
            i += 1
        return names

    def run(self, number, reduced, batch, given, targets, options, threads):
        self.calls += 1
        call = engine.call_of(reduced, batch, given, targets, options)
        self._library.run(number, ctypes.byref(call))

    def current(self):
        return "device"

    def use(self, name):
        """There is one."""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    compiler = next((c for c in ("g++", "clang++", "c++") if shutil.which(c)), None)
    if compiler is None:
        pytest.skip("no C++ compiler")
    target = tmp_path_factory.mktemp("device") / "device.so"
    source = Path(__file__).with_name("device.cpp")
    options = ("-std=c++17", "-O0", "-ffp-contract=off", "-fPIC", "-shared", "-w")
    command = (compiler, *options, f"-I{engine.SOURCES}", source, "-o", target)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return _Host(target)


@pytest.fixture
def on_device(host, monkeypatch):
    monkeypatch.setattr(config._Settled, "choice", config._Choice(host, ""))
    return host


def both(host, call):
    """By the device's kernels, and by the formulas."""
    before = host.calls
    found = call()
    assert host.calls > before, "no kernel was asked"
    with config.using("generic"):
        return found, call()


def rows(gap, shape, dtype="float64"):
    a = 3 * RNG.standard_normal(shape)
    return a.astype(dtype), (a + gap * RNG.standard_normal(shape) + 2.5).astype(dtype)


def weights(gap, shape, dtype="float64"):
    return tuple(np.exp(x - 5).astype(dtype) for x in rows(gap, shape))


@pytest.mark.parametrize("n", [1, 2, 31, 700])
@pytest.mark.parametrize("gap", [1e-13, 1e-6, 0.3, 40.0])
def test_rows_are_true(gap, n, on_device):
    a, b = rows(gap, (2, n))
    p, q = weights(gap, (2, n))
    for x, y, from_logits in ((a, b, True), (p, q, False)):
        found = relentropy.kl_divergence(x, y, from_logits=from_logits)
        truth = [
            evaluate("kl_divergence", list(one), list(other), from_logits=from_logits)
            for one, other in zip(x, y, strict=True)
        ]
        assert_ulp(found, truth, 5)
    assert on_device.calls


MEASURES = {
    "KL of logits": lambda **k: relentropy.kl_divergence(A, B, from_logits=True, **k),
    "KL of weights": lambda **k: relentropy.kl_divergence(P, Q, **k),
    "JS of logits": lambda **k: relentropy.js_divergence(A, B, from_logits=True, **k),
    "JS of weights": lambda **k: relentropy.js_divergence(P, Q, **k),
    "Hellinger": lambda **k: relentropy.hellinger_distance(P, Q, **k),
    "total variation": lambda **k: relentropy.total_variation(P, Q, **k),
    "entropy": lambda **k: relentropy.entropy(A, from_logits=True, **k),
    "cross-entropy": lambda **k: relentropy.cross_entropy(A, B, from_logits=True, **k),
    "logsumexp": lambda: special.logsumexp(A, axis=-1),
    "softmax": lambda: special.softmax(A, axis=-1),
    "log-softmax": lambda: special.log_softmax(A, axis=-1),
    "kl_div": lambda: special.kl_div(P, Q),
    "rel_entr": lambda: special.rel_entr(P, Q),
    "logaddexp": lambda: special.logaddexp(A, B),
    "token": lambda: token_log_probs(A, TOKENS),
}
A, B = rows(0.3, (3, 5, 333), "float32")
P, Q = weights(0.3, (3, 5, 333), "float32")
TOKENS = np.arange(15).reshape(3, 5) * 23
MASK = RNG.random((3, 5, 333)) > 0.3


@pytest.mark.parametrize("name", MEASURES)
def test_measures_are_those_of_the_formulas(name, on_device):
    measure = MEASURES[name]
    rows_of = {"total variation", "entropy", "cross-entropy"}
    takes_keywords = name[0].isupper() or name in rows_of
    for more in ({}, {"axis": (0, 2)}, {"where": MASK})[: 3 if takes_keywords else 1]:
        found, wanted = both(on_device, lambda more=more: measure(**more))
        np.testing.assert_array_equal(found, wanted)


def test_half_precision_and_strides(on_device):
    for dtype in ("float16", "float32", "float64"):
        a, b = (x.astype(dtype)[:, ::3] for x in (A[0], B[0]))
        found, wanted = both(
            on_device, lambda a=a, b=b: relentropy.kl_divergence(a, b, from_logits=True)
        )
        np.testing.assert_allclose(found, wanted, rtol=1e-14 if dtype == "float64" else 0)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("name", ["kl_divergence", "js_divergence"])
def test_gradients_are_those_of_the_formulas(name, from_logits, on_device):
    torch = pytest.importorskip("torch")
    given = (A, B) if from_logits else (P, Q)

    def call():
        p, q = (torch.from_numpy(x).requires_grad_() for x in given)
        value = getattr(relentropy, name)(p, q, from_logits=from_logits)
        return torch.autograd.grad((value * torch.arange(15.0).reshape(3, 5)).sum(), (p, q))

    found, wanted = both(on_device, call)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=3e-7, atol=0)


def test_every_kernel_has_a_function(host):
    """A name that is not known would be compiled as a template of that name."""
    text = "".join(path.read_text() for path in engine.SOURCES.rglob("*.hpp"))
    for name in host.kernels():
        function = re.split("[<,]", engine.expression_of(name))[0]
        assert re.search(rf"\bvoid {function}\(", text), name
        for word in re.findall(r"\w+", engine.expression_of(name)):
            assert word in text


# --- to PTX ----------------------------------------------------------------------------------


def nvrtc():
    """CUDA's compiler, from its wheel."""
    nvidia = pytest.importorskip("nvidia")
    for folder in nvidia.__path__:
        for library in sorted(Path(folder).glob("cuda_nvrtc/lib/libnvrtc.so*")):
            return ctypes.CDLL(str(library))
    pytest.skip("the wheel of CUDA's compiler is not installed")


def to_ptx(source, options):
    library, program = nvrtc(), ctypes.c_void_p()
    made = library.nvrtcCreateProgram(
        ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None
    )
    assert made == 0
    words = (ctypes.c_char_p * len(options))(*(one.encode() for one in options))
    failed = library.nvrtcCompileProgram(program, len(options), words)
    kind, size = ("ProgramLog" if failed else "PTX"), ctypes.c_size_t()
    getattr(library, f"nvrtcGet{kind}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(library, f"nvrtcGet{kind}")(program, text)
    assert not failed, text.value.decode()
    return text.value.decode()


KERNELS = [
    "kl_logits", "kl_logits_exact", "kl_logits_slopes", "kl_weights", "jensen_shannon_logits",
    "hellinger_weights", "total_variation_weights", "logsumexp", "entropy_logits",
    "token_log_probs", "kl_div",
]  # fmt: skip


@pytest.mark.parametrize("name", KERNELS)
def test_cuda_compiles(name):
    ptx = to_ptx(engine.source_of(name), ("--gpu-architecture=compute_80", *engine.OPTIONS))
    assert ".entry launch" in ptx
    # Products are rounded before they are added, but where the source says otherwise.
    assert not re.search(r"\b(?:add|mul)\.f64", ptx)


@pytest.mark.full
def test_cuda_compiles_every_kernel(host):
    for name in host.kernels():
        to_ptx(engine.source_of(name), ("--gpu-architecture=compute_80", *engine.OPTIONS))
