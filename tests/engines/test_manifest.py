"""Every kernel is declared once, in the manifest, and exists wherever that says so."""

import shutil

import pytest
from tools import kernels

from relentropy._arrays.words import names_of
from relentropy._engines import config, manifest
from relentropy._formulas.kl_logits import KLFromLogits

from .test_states import operands, part

_cpu = config.engine()
KERNELS = {kernel.name: kernel for kernel in manifest.KERNELS}


@pytest.mark.skipif(_cpu is None, reason="the engine is not built")
def test_the_compiled_module_has_the_declared_kernels_and_no_others():
    assert list(_cpu.kernels()) == ["total", *manifest.EXPRESSIONS]


def test_triton_has_the_declared_kernels_and_no_others():
    pytest.importorskip("triton")
    from relentropy._engines.triton_kernels.measures import _FUNCTIONS, MEASURES

    assert set(_FUNCTIONS) == set(manifest.TRITON) == set(MEASURES)
    used = {kernel.triton for kernel in manifest.KERNELS} - {None}
    assert {name.removeprefix("tempered_") for name in manifest.TRITON} == used


def test_files_are_what_the_manifest_says():
    assert kernels.main(["--check"]) == 0


@pytest.mark.parametrize(
    ("path", "written"), [(kernels.HEADER, "kl_logits<"), (kernels.PAGES[0], "CPU, CuPy")]
)
def test_a_file_that_differs_is_named(path, written, tmp_path, capsys):
    for copied in (kernels.HEADER, *kernels.PAGES):
        (tmp_path / copied).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(kernels.ROOT / copied, tmp_path / copied)
    assert kernels.main(["--check"], tmp_path) == 0
    text = (tmp_path / path).read_text("utf-8")
    (tmp_path / path).write_text(text.replace(written, ""), "utf-8")
    assert kernels.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().out == f"{path} differs: run python -m tools.kernels\n"
    assert kernels.main([], tmp_path) == 0
    assert (tmp_path / path).read_text("utf-8") == text


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("kl", "kl_logits"), ("logsumexp", "logsumexp"), ("entropy", "entropy_logits"),
        ("cross-entropy of weights", "cross_entropy_weights"), ("token", "token_log_probs"),
        ("token and entropy", "token_entropies"),
    ],
)  # fmt: skip
def test_states_have_the_declared_leaves(name, states):
    with config.using("generic"):
        state = part(name, operands(name, "plain", (2, 9)), 0, 9)
    named = [path.rpartition("row.")[2] for path in names_of(state)]
    components = KERNELS[states].state.components
    assert [name.replace(".high", "_hi").replace(".low", "_lo") for name in named] == list(
        components
    )


def test_what_is_not_declared_has_no_kernel():
    class Undeclared(KLFromLogits):
        pass

    assert manifest.spec_of(KLFromLogits((True, True), True, None)) is not None
    assert manifest.spec_of(Undeclared((True, True), True, None)) is None
    assert manifest.triton_of(Undeclared((True, True), True, None)) is None
