"""Temporaries beside large inputs, and the digits of a real language model's divergences."""

import functools
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from mpmath import mp

from relentropy import kl_divergence
from relentropy.testing import ulp_error

from .backends import BACKENDS

DATA = Path(__file__).parents[1] / "data" / "smollm2"
ROOT = Path(__file__).parents[2]
SHAPE = (256, 128_256)
SIZE = 4 * SHAPE[0] * SHAPE[1]


@functools.cache
def logits():
    rng = np.random.default_rng(0)
    p = rng.standard_normal(SHAPE, dtype=np.float32)
    return p, p + np.float32(0.1)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("axis", [-1, 0])
def test_numpy_temporaries_are_a_twentieth_of_an_input(axis, from_logits):
    p, q = logits()
    if not from_logits:
        p, q = np.abs(p), np.abs(q)
    # A few rows, but all of the axis, are enough to see the peak.
    p, q = (p[:32], q[:32]) if axis == -1 else (p[:, :16384], q[:, :16384])
    kl_divergence(p[:2, :2], q[:2, :2], from_logits=from_logits)
    tracemalloc.start()
    try:
        kl_divergence(p, q, axis=axis, from_logits=from_logits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= SIZE / 20


CHILD = """
import resource, sys, threading, time
import torch
from relentropy import kl_divergence

torch.set_num_threads(1)
axis, rows, columns, training = (int(word) for word in sys.argv[1:])
p = torch.randn(rows, columns, generator=torch.Generator().manual_seed(0))
q = (p + 0.1).requires_grad_(bool(training))

def call(p, q):
    value = kl_divergence(p, q, axis=axis, from_logits=True)
    if training:
        value.sum().backward()

call(p[:40, :2000], q[:40, :2000].detach().requires_grad_(bool(training)))

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

def watch():
    global peak
    while not done:
        peak = max(peak, resident())
        time.sleep(0.002)

done, before = False, resident()
peak = before
thread = threading.Thread(target=watch)
thread.start()
call(p, q)
done = True
thread.join()
print(peak - before - (4 * rows * columns if training else 0))
"""


# All of the axis but a part of the rows, and, when asked for, all.
PARTS = [(-1, 64, SHAPE[1]), (0, SHAPE[0], 32_768)]
WHOLE = [pytest.param(axis, *SHAPE, marks=pytest.mark.full) for axis in (-1, 0)]


@pytest.mark.skipif(sys.platform != "linux", reason="resident size is read from /proc")
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("axis", "rows", "columns"), PARTS + WHOLE)
def test_torch_temporaries_are_a_twentieth_of_an_input(axis, rows, columns, training):
    """With the backward pass, beside the gradient."""
    pytest.importorskip("torch")
    arguments = [str(int(number)) for number in (axis, rows, columns, training)]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert int(done.stdout) <= SIZE / 20


# --- sixteen positions of a text ---------------------------------------------------------


@functools.cache
def real(name):
    path = DATA / f"{name}.npy"
    if not path.exists():
        pytest.skip("the logits are not part of the source distribution")
    array = np.load(path)
    if array.dtype.kind == "V":  # bfloat16, which numpy has no name for
        import ml_dtypes

        return array.view(ml_dtypes.bfloat16)
    return array


@functools.cache
def truth(student, direction):
    stored = json.loads((DATA / "truth.json").read_text(encoding="utf-8"))
    with mp.workdps(50):
        return [mp.mpf(text) for text in stored[student][direction]]


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("student", ["int4", "bfloat16"])
def test_divergences_of_a_language_model_have_all_their_digits(student, direction, library):
    backend = BACKENDS[library]
    with backend.active():
        pair = [real("teacher"), real(f"student_{student}")]
        pair = pair if direction == "forward" else pair[::-1]
        values = backend.read(kl_divergence(*(backend.make(x) for x in pair), from_logits=True))
    assert values.dtype == np.float32
    assert np.max(ulp_error(values, truth(student, direction))) <= 2


@pytest.mark.parametrize("student", ["int4", "bfloat16"])
def test_a_language_models_divergences_in_float64_have_all_theirs(student):
    p, q = real("teacher")[:4], real(f"student_{student}")[:4]
    wide = kl_divergence(p.astype(np.float64), q.astype(np.float64), from_logits=True)
    assert np.max(ulp_error(wide, truth(student, "forward")[:4])) <= 6
