"""A page for every public name, made of its docstring, its record and what was measured of it.

Pages are sources in reference/names, written before Sphinx looks for any, and by nobody's hand.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import tables
from names import FIRST, MODULES, Name, measured, names_of

PAGES = "names"
BACKENDS = {
    "numpy": "numpy", "torch": "torch", "jax": "jax", "strict": "array-api-strict",
    "dask": "dask", "cupy": "CuPy",
}  # fmt: skip


def pages() -> dict[str, str]:
    """The text of every page, by its name."""
    found = {"tables": tables.overview()}
    for module in MODULES:
        names = names_of(module)
        found[module] = _of_module(module, names)
        found |= {name.full: _of_name(name) for name in names}
    return found


def _title(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}"


# --- a module -----------------------------------------------------------------------------


def _of_module(module: str, names: list[Name]) -> str:
    """What it says of itself, and a line for every name."""
    parts = [_title(module), f".. automodule:: {module}"]
    homes = sorted({name.value.__module__ for name in names}, key=_place)
    for home in homes:
        own = [name for name in names if name.value.__module__ == home]
        if len(homes) > 1:
            parts.append(_title(own[0].section, "-"))
        rows = [[f":obj:`~{name.full}`", name.summary] for name in own]
        parts.append(tables.table(None, rows, words=2))
    tree = "\n".join(f"   {name.full}" for name in names)
    parts.append(f".. toctree::\n   :hidden:\n\n{tree}")
    return "\n\n".join(parts) + "\n"


def _place(home: str) -> tuple[int, str]:
    """Where a module's names stand: as it is written, or else by the alphabet."""
    return FIRST.index(home) if home in FIRST else len(FIRST), home


# --- a name -------------------------------------------------------------------------------


def _of_name(name: Name) -> str:
    parts = [_title(name.name), f".. currentmodule:: {name.module}", _described(name)]
    if name.record is not None:
        parts += [*_accuracy(name.record), *_engines(name.record), *_gradient(name.record)]
        parts += [_title("Sources", "-"), f"{name.record.source}."]
    elif name.relative:
        parts += [_title("Accuracy, engines and gradient", "-"), _as(name)]
    return "\n\n".join(parts) + "\n"


def _described(name: Name) -> str:
    if not inspect.isclass(name.value):
        return f".. autofunction:: {name.name}"
    members = list(dict.fromkeys(_members(name.value)))
    lines = [f".. autoclass:: {name.name}"]
    if members:
        lines += [f"   :members: {', '.join(members)}", "   :inherited-members:"]
    return "\n".join(lines)


def _members(value: type) -> Iterator[str]:
    """Methods and properties, also of our base classes, and fields that no section lists."""
    listed = "\nAttributes\n---" in (inspect.getdoc(value) or "")
    for home in value.__mro__:
        if not home.__module__.startswith("relentropy"):
            continue
        if not listed and (issubclass(value, tuple) or is_dataclass(value)):
            yield from (name for name in inspect.get_annotations(home) if name[0] != "_")
        for member, one in vars(home).items():
            own = inspect.isfunction(one) or isinstance(one, (property, classmethod))
            if own and not member.startswith("_") and inspect.getdoc(one):
                yield member


def _as(name: Name) -> str:
    return (
        f"It is made of what :obj:`~{name.relative}` is made of, whose page has what was "
        "measured of that, the engines that serve it and what is said of its derivatives."
    )


# --- what was measured ----------------------------------------------------------------------


def _accuracy(record: Any) -> Iterator[str]:
    found = measured(record.name)
    yield _title("Accuracy", "-")
    yield _what_the_table_says(record, found)
    yield tables.of_values(record)
    yield (
        "Each point is the largest error on numpy of results of one size; dashed lines are the "
        "bounds of float64 and of float32."
    )
    yield f".. ulp-plot:: {record.name}"
    yield "\n".join(tables.exemptions(record))
    yield _folded("The worst inputs", tables.of_worst_inputs(record))
    yield _folded("Regimes", tables.of_regimes(record))
    yield _measured_on(found["measured"])


def _what_the_table_says(record: Any, found: dict[str, Any]) -> str:
    points = sum(one["points"] for one in found["values"]["numpy"].values())
    text = (
        f"The largest errors of {points} results on numpy, and of those on the other "
        "libraries, in units in the last place (ulp) of the result's dtype; 0.5 is correctly "
        "rounded. "
        "They are the worst that was found, against a definition in mpmath that shares no "
        "code with the library."
    )
    if record.kind in {"closed form", "estimate", "head"}:
        text += " 16-bit operands have results of float32, in whose ulp they are given."
    if record.kind == "head":
        text += " Logits are exact: the weight is an identity matrix."
    if record.conditioned:
        text += " Errors are divided by the result's condition number κ."
    return text


def _folded(title: str, body: str) -> str:
    """A part that opens when it is asked for."""
    opened = f".. raw:: html\n\n   <details><summary>{title}</summary>"
    return f"{opened}\n\n{body}\n\n.. raw:: html\n\n   </details>"


def _measured_on(on: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in on["versions"].items())
    return (
        f"Measured on {on['date']} with ``python -m bench.accuracy``: {on['processor']}, "
        f"engine ``{on['engine']}``, Python {on['python']}, {versions}."
    )


# --- what serves, and derivatives ---------------------------------------------------------


def _engines(record: Any) -> Iterator[str]:
    yield _title("Backends and engines", "-")
    backends = ", ".join(BACKENDS[name] for name in record.backends)
    lazy = (
        "Lazy and compiled arrays are never computed to decide anything."
        if record.lazy
        else "Lazy arrays are not taken."
    )
    yield f"Arrays of {backends}. {lazy}"
    kernels = measured(record.name)["kernels"]
    rows = [
        ["the CPU (numpy, torch)", _kernels(kernels["compiled"])],
        ["CUDA by CuPy", _kernels(kernels["compiled"])],
        ["GPUs by Triton (torch)", _kernels(kernels["triton"])],
    ]
    yield tables.table(["engine of", "kernels"], rows, words=2)
    yield "Where there is no kernel the formulas serve; :doc:`/how/engine` says when that is."


def _kernels(names: list[str]) -> str:
    return ", ".join(f"``{name}``" for name in names) or "none: the formulas serve"


def _gradient(record: Any) -> Iterator[str]:
    yield _title("Gradient", "-")
    ulp = record.slope_ulp
    if not ulp:
        yield "It has no derivative."
        return
    bounds = ", ".join(f"{ulp[d]:g} ulp in {d}" for d in reversed(tables.DTYPES) if d in ulp)
    yield (
        "Of both orders, for torch and jax. A component of the first is at most "
        f"{bounds} off, times its condition number (:doc:`/guides/derivatives`); second "
        "derivatives are those of the same formulas, without a bound of their own."
    )
    if measured(record.name)["derivatives"]:
        yield "The largest errors of components, over their condition numbers:"
        yield tables.of_derivatives(record)


# --- Sphinx ---------------------------------------------------------------------------------


def write(app: Any) -> None:
    """Write the pages that are not as they should be, and take away what is none."""
    from sphinx.ext.autodoc import mock

    folder = Path(app.srcdir, "reference", PAGES)
    folder.mkdir(exist_ok=True)
    with mock(app.config.autodoc_mock_imports):
        found = {f"{name}.rst": text for name, text in pages().items()}
    # Included by a page, and none itself.
    found["tables.txt"] = found.pop("tables.rst")
    for path in folder.iterdir():
        if path.name not in found:
            path.unlink()
    for name, text in found.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
