"""`relentropy backends` and `relentropy accuracy`."""

import json
import sys

import pytest

pytest.importorskip("click")
pytest.importorskip("rich")

from click.testing import CliRunner

from relentropy.cli import accuracy, backends
from relentropy.cli.app import app
from relentropy.testing._kinds import KINDS


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def of(name):
    return next(one for one in backends.backends() if one.name == name)


def test_libraries_are_tried():
    result = run("backends", "--json")
    assert result.exit_code == 0, result.output
    found = {one["name"]: one for one in json.loads(result.stdout)["backends"]}
    assert {"float16", "float32", "float64"} <= set(found["numpy"]["precisions"])
    for name, precisions in [
        ("torch", ["float16", "bfloat16", "float32", "float64"]),
        ("dask", found["numpy"]["precisions"]),
        ("array_api_strict", ["float32", "float64"]),
    ]:
        if found[name]["version"] is not None:
            assert found[name]["precisions"] == precisions
            assert found[name]["devices"][0] == "cpu"
    if found["jax"]["version"] is not None:
        assert "float32" in found["jax"]["precisions"]
    shown = run("backends").stdout
    assert all(name in shown for name in found)
    assert max(map(len, shown.splitlines())) <= 80


def test_what_is_missing_and_what_would_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(backends, "_version", lambda _: None)
    cupy = of("cupy")
    assert (cupy.devices, cupy.precisions) == ([], [])
    assert cupy.missing == {"": "pip install 'relentropy[cupy]'"}
    gaps = dict(backends.gaps([cupy]))
    assert gaps["cupy"] == "pip install 'relentropy[cupy]'"
    assert gaps["compare --per-row FILE.parquet"] == "pip install 'relentropy[parquet]'"
    assert "pip install 'relentropy[cupy]'" in run("backends").stdout


def test_what_is_installed_and_broken(monkeypatch):
    def broken():
        raise RuntimeError("no driver\nat all")

    monkeypatch.setitem(backends._LIBRARIES, "cupy", (broken, "", ""))
    assert of("cupy").missing == {"": "does not work here: no driver at all"}
    monkeypatch.setattr(backends, "_RIGHT", 0.1)
    assert of("numpy").missing["float64"] == "gives a wrong result; please report it"
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    assert of("numpy").missing["bfloat16"] == "pip install ml-dtypes"


def test_accuracy_of_every_function_with_numpy():
    result = run("accuracy", "--backend", "numpy", "--json")
    assert result.exit_code == 0, result.output
    functions = json.loads(result.stdout)["functions"]
    assert len(functions) == len(list(accuracy.entries()))
    for one in functions:
        assert one["findings"] == []
        assert 0 <= one["errors_in_ulp"]["value"]["float64"] < 16


def test_every_kind_of_a_function_that_an_audit_knows_is_measured():
    known = {name for name, kind in KINDS.items() if kind.form in {"row", "map", "point"}}
    assert known - {entry.kind for entry in accuracy.entries()} == {
        "binary_kl_divergence", "binary_entropy", "k1", "k2", "k3", "abs",
    }  # fmt: skip


def test_accuracy_of_one_function_as_a_table():
    pytest.importorskip("torch")
    result = run("accuracy", "kl_div", "--backend", "numpy", "--backend", "torch")
    assert result.exit_code == 0
    assert "numpy: worst errors, ulp" in result.stdout
    assert "gradient" in result.stdout
    assert "nothing is less accurate than it should be" in result.stdout


def test_what_is_not_accurate_is_said(monkeypatch):
    import numpy as np

    import relentropy

    def naive(p, q, **_):
        with np.errstate(all="ignore"):
            return np.sum(p * np.log(p / q), axis=-1)

    monkeypatch.setattr(relentropy, "kl_divergence", naive)
    result = run("accuracy", "kl_divergence", "--backend", "numpy")
    assert result.exit_code == 1
    assert "value.digits.close.float64" in result.stdout
    assert "wrong" in result.stdout


def test_unknown_functions_and_missing_libraries(monkeypatch):
    result = run("accuracy", "kl")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: there is no function 'kl' here; choose from kl_div")
    assert len(result.stderr.splitlines()) == 1
    monkeypatch.setitem(sys.modules, "cupy", None)
    result = run("accuracy", "kl_div", "--backend", "cupy")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: --backend cupy cannot be used: ")
