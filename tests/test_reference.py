"""Every public name has a page, made of a docstring, a record and measurements that agree."""

import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import relentropy
from relentropy._engines import manifest
from relentropy._records import CLOSED_FORMS, ESTIMATES, HEADS, RECORDS

pytest.importorskip("torch")  # relentropy.distributed imports them
pytest.importorskip("dask")
EXTENSIONS = Path(__file__).parents[1] / "docs" / "_ext"
sys.path.insert(0, str(EXTENSIONS))

import names  # noqa: E402
import reference  # noqa: E402
import tables  # noqa: E402

EVERY = RECORDS | CLOSED_FORMS | ESTIMATES | HEADS
each = pytest.mark.parametrize("record", EVERY.values(), ids=EVERY)


@pytest.fixture(scope="module", name="pages")
def _pages():
    return reference.pages()


def public_modules():
    """Modules that say what is public, and are not said to be part of another."""
    found = {"relentropy"}
    for module in pkgutil.walk_packages(relentropy.__path__, "relentropy."):
        inner = module.name.split(".")[1:]
        if any(part.startswith("_") for part in inner) or inner[0] == "cli":
            continue
        if hasattr(importlib.import_module(module.name), "__all__"):
            found.add(module.name)
    parts = {"audits", "report", "ulp"}
    return {
        name for name in found
        if name != "relentropy.interop" and name.rpartition(".")[2] not in parts
    }  # fmt: skip


def test_every_public_module_has_a_page_that_the_index_names(pages):
    assert set(names.MODULES) == public_modules()
    index = (EXTENSIONS.parent / "reference" / "index.md").read_text(encoding="utf-8")
    for module in names.MODULES:
        assert module in pages
        assert f"\nnames/{module}\n" in index


@pytest.mark.parametrize("name", list(names.every_name()), ids=lambda name: name.full)
def test_every_public_name_has_a_page(name, pages):
    page = pages[name.full]
    assert f":: {name.name}\n" in page
    assert f"   {name.full}" in pages[name.module]
    assert ">>> " in name.value.__doc__
    sections = {"Accuracy", "Backends and engines", "Gradient", "Sources"}
    found = {title for title in sections if f"\n{title}\n----" in page}
    assert found == (sections if name.record is not None else set())


def test_what_names_are_said_to_be_made_of_has_a_record():
    for name, relative in names.MADE_OF.items():
        assert relative in names.recorded()
        module, _, own = name.rpartition(".")
        assert own in importlib.import_module(module).__all__


@pytest.mark.parametrize("name", list(names.recorded()))
def test_what_has_a_record_has_its_formula_limits_and_sources(name):
    module, _, own = name.rpartition(".")
    text = inspect.getdoc(getattr(importlib.import_module(module), own))
    assert ".. math::" in text
    assert re.search(r"\b(nan|inf|infinite)\b", text)
    assert re.search(r"at\s+most", text)
    for section in ("Parameters", "Returns", "Raises", "References"):
        assert f"\n{section}\n---" in text


@each
def test_every_record_was_measured_and_kept_its_bounds(record):
    found = names.measured(record.name)
    for dtype, one in found["values"]["numpy"].items():
        claimed = record.ulp.get(dtype, record.ulp["float32"])
        assert one["bound"] in {claimed, record.tiled_ulp}, "measure it again"
        assert one["points"] >= 5
    for quantity in ("values", "derivatives"):
        for backend, own in found[quantity].items():
            for dtype, one in own.items():
                assert float(one["ulp"]) <= one["bound"], (quantity, backend, dtype)
    assert "torch" in found["derivatives"] or record.name == "partial_kl"


@each
def test_kernels_that_pages_name_exist(record):
    kernels = names.measured(record.name)["kernels"]
    assert set(kernels["compiled"]) <= set(manifest.EXPRESSIONS)
    assert set(kernels["triton"]) <= set(manifest.TRITON)


def test_a_figure_above_its_bound_stands_out():
    above = {"ulp": 4.0, "bound": 3.0, "above": 2}
    assert tables.cell(above) == "**4.00** (2)"
    assert tables.cell({"ulp": 2.0, "bound": 3.0}) == "2.00"
    assert tables.cell({"ulp": "inf", "bound": 3.0, "above": 1}).startswith("**inf**")
    assert tables.cell(None) == "–"


def test_regimes_go_from_wide_to_narrow():
    regimes = ["gap 1e-09", "equal", "gap 1e-01", "far"]
    assert sorted(regimes, key=tables._kind_and_size) == [
        "equal", "far", "gap 1e-01", "gap 1e-09",
    ]  # fmt: skip
