"""Rules for the project as a whole."""

import ast
import doctest
import importlib.util
import inspect
import itertools
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import relentropy
from relentropy._records import CLOSED_FORMS, ESTIMATES, HEADS, RECORDS

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MODULES = [
    "relentropy",
    "relentropy.estimators",
    "relentropy.families",
    "relentropy.heads",
    "relentropy.interop.scipy_stats",
    "relentropy.interop.torch_functional",
    "relentropy.objectives",
    "relentropy.special",
    "relentropy.streaming",
    "relentropy.testing",
]
IMPERATIVES = {"Audit", "Raise", "Return", "Set", "Show"}
"""First words of functions' docstrings."""
MEASURED = {"js_divergence", "skew_kl_divergence"}
"""Functions whose notes state what single rows of a bulk run were off."""
LARGEST = 100_000
"""Bytes of a file of the sources or tests."""
LOGITS = {
    f"tests/data/smollm2/{name}.npy" for name in ("student_bfloat16", "student_int4", "teacher")
}
"""Rows of a real model, which the examples in the README compare."""
NEEDING = {
    "relentropy.distributed.dask": "dask",
    "relentropy.distributed.heads": "torch",
    "relentropy.distributed.torch": "torch",
}
MODULES += [name for name, library in NEEDING.items() if importlib.util.find_spec(library)]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


NAMES = {
    f"{module}.{name}": getattr(importlib.import_module(module), name)
    for module in MODULES
    for name in importlib.import_module(module).__all__
    if not inspect.ismodule(getattr(importlib.import_module(module), name))
}
PUBLIC = {name: value for name, value in NAMES.items() if inspect.isfunction(value)}


def imported_by(statement):
    """Top-level names of the modules that a statement adds to what numpy has imported."""
    code = (
        "import json, sys, numpy; before = set(sys.modules)\n"
        f"{statement}\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_importing_the_library_imports_no_other_library():
    names = {name.partition(".")[0] for name in imported_by("import relentropy")}
    foreign = names - set(sys.stdlib_module_names) - {"relentropy", "array_api_compat"}
    # numpy loads some of its own extension modules late, under names of their own.
    assert {name for name in foreign if not name.startswith(("numpy", "_cython"))} == set()


def test_importing_the_library_stays_small():
    modules = imported_by("import relentropy")
    assert len(modules) < 140
    assert not any(name.startswith("relentropy.cli") for name in modules)


def test_the_version_is_in_the_changelog():
    changelog = text("CHANGELOG.md")
    release = relentropy.__version__.partition(".dev")[0]
    heading = "Unreleased" if release != relentropy.__version__ else release
    assert re.search(rf"^## \[{re.escape(heading)}\]", changelog, re.MULTILINE)


def readme_commands():
    return re.findall(r"^```bash\n(.*?)^```", text("README.md"), re.MULTILINE | re.DOTALL)


def test_the_readme_has_two_commands_of_one_line_each():
    commands = readme_commands()
    assert len(commands) == 2
    assert all(command.count("\n") == 1 for command in commands)
    assert "relentropy compare" in commands[0]


def test_continuous_integration_runs_the_readmes_command():
    script = ROOT / ".ci" / "run"
    if not script.exists():
        pytest.skip("the script is not in a source distribution")
    assert readme_commands()[1] in script.read_text(encoding="utf-8").splitlines(keepends=True)


def test_files_named_in_the_readme_exist():
    command = readme_commands()[0]
    paths = re.findall(r"tests/\S+", command)
    assert len(paths) == 2
    if not any((ROOT / path).exists() for path in paths):
        pytest.skip("the logits are not in a source distribution")
    assert all((ROOT / path).is_file() for path in paths)


def requirements():
    yield from PROJECT["project"]["dependencies"]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        yield from extra
    for group in PROJECT["dependency-groups"].values():
        yield from (line for line in group if isinstance(line, str))


@pytest.mark.parametrize(
    "package", sorted({re.match(r"[\w-]+", line).group() for line in requirements()})
)
def test_every_dependency_has_its_line_in_contributing(package):
    table = text("CONTRIBUTING.md").partition("## Dependencies")[2]
    name = package.partition("-cuda")[0]  # one cupy per CUDA version
    assert re.search(rf"^\|[^|]*\b{re.escape(name)}\b", table, re.MULTILINE)


def test_every_session_is_described():
    sessions = re.findall(r"^@nox\.session.*\ndef (\w+)", text("noxfile.py"), re.MULTILINE)
    assert len(sessions) == 13
    for session in sessions:
        assert f"\n{session} " in text("noxfile.py")
        assert f"| `{session}` |" in text("CONTRIBUTING.md")


def budgets():
    """Return the minutes of every session, and of all default ones together."""
    rows = re.findall(r"^(\w+) +(\d+)  \S", text("noxfile.py"), re.MULTILINE)
    return {session: int(minutes) for session, minutes in rows}


def test_budgets_of_sessions_add_up():
    listed = re.search(r"^nox\.options\.sessions = (.*)$", text("noxfile.py"), re.MULTILINE)
    sessions = ast.literal_eval(listed.group(1))
    assert budgets()["default"] == sum(budgets()[session] for session in sessions)
    table = text("CONTRIBUTING.md").partition("## Sessions")[2]
    assert set(sessions) == set(re.findall(r"^\| `(\w+)` \| yes \|", table, re.MULTILINE))


def test_minutes_of_sessions_are_stated_in_one_place():
    minutes = re.compile(r"\b(?:\d+|an|half an|some)\s+(?:minutes?|hours?)\b")
    pages = [text("CONTRIBUTING.md").partition("## Sessions")[2].partition("\n## ")[0]]
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        # The paragraphs that name a session.
        pages += [p for p in path.read_text(encoding="utf-8").split("\n\n") if "nox" in p]
    assert not [found for page in pages for found in minutes.findall(page)]


def test_tracked_files_are_small():
    """What is larger than `LARGEST` bytes is packed, generated or listed."""
    if not (ROOT / ".git").exists():
        pytest.skip("a source distribution, or a copy, does not say what is tracked")
    command = ["git", "ls-files", "-z", "src", "tests"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    sizes = {
        name: (ROOT / name).stat().st_size
        for name in listing.stdout.split("\0")
        if name and (ROOT / name).exists()
    }
    assert len(sizes) > 500
    assert {name for name, size in sizes.items() if size > LARGEST} == LOGITS


def test_the_package_is_typed_and_ships_its_marker():
    assert (Path(relentropy.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("function", PUBLIC.values(), ids=PUBLIC)
def test_every_public_function_is_documented(function):
    lines = function.__doc__.splitlines()
    assert lines[0].strip()
    assert lines[0].strip().endswith(".")
    sections = {
        above.strip()
        for above, below in itertools.pairwise(lines)
        if above.strip() and below.strip() == "-" * len(above.strip())
    }
    assert "Examples" in sections
    assert ("Parameters" in sections) == bool(inspect.signature(function).parameters)
    assert {"Returns", "Raises", "Yields"} & sections
    assert ">>> " in function.__doc__.partition("Examples\n")[2]


def section(value, title):
    """Return the body of a section of a completed docstring."""
    body = re.search(
        rf"^{title}\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", inspect.getdoc(value), re.M | re.S
    )
    return body.group(1) if body else ""


@pytest.mark.parametrize("function", PUBLIC.values(), ids=PUBLIC)
def test_docstrings_describe_the_parameters_of_the_signature(function):
    entries = re.findall(r"^([*\w][*\w, ]*?)(?: : .+)?$", section(function, "Parameters"), re.M)
    names = [name.lstrip("*") for entry in entries for name in entry.split(", ")]
    parameters = list(inspect.signature(function).parameters)
    assert sorted(names) == sorted(parameters)
    if names == entries:  # one entry for each
        assert names == parameters


@pytest.mark.parametrize("value", NAMES.values(), ids=NAMES)
def test_docstrings_begin_with_a_summary(value):
    summary = inspect.getdoc(value).splitlines()[0]
    assert not summary.startswith(("What ", "Whether ", "Of ", "The same"))
    assert len(summary) <= 92
    if inspect.isfunction(value):
        assert summary.split()[0] in IMPERATIVES


RECORDED = {
    record.name: (record, function)
    for table in (RECORDS, ESTIMATES, CLOSED_FORMS, HEADS)
    for record in table.values()
    for function in PUBLIC.values()
    if function.__name__ == record.name
    and not function.__module__.startswith(("relentropy.distributed", "relentropy.interop"))
}


@pytest.mark.parametrize(("record", "function"), RECORDED.values(), ids=RECORDED)
def test_docstrings_state_the_bounds_of_the_record_once(record, function):
    for title in ("Parameters", "Returns", "Raises", "Notes", "Examples"):
        assert section(function, title)
    notes = " ".join(section(function, "Notes").split())
    assert len(re.findall(r"rrors are at most", notes)) == 1
    assert notes.count(f"rrors are at most {record.ulp['float64']:g} ulp in float64") == 1
    if record.tiled_ulp is not None:
        assert notes.count(f"({record.tiled_ulp:g} where a row") == 1
    slopes = f"{record.slope_ulp['float64']:g} ulp off in float64"
    if record.kind == "head":
        slopes = f"{record.slope_ulp['float64']:g} and {record.slope_ulp['float32']:g} times"
    assert notes.count(slopes) == 1


def test_every_record_is_of_a_public_function():
    tables = (RECORDS, ESTIMATES, CLOSED_FORMS, HEADS)
    assert set(RECORDED) == {name for table in tables for name in table}


def test_no_bound_is_typed_where_a_record_has_it():
    """Source docstrings of recorded functions and their counterparts have no ``N ulp in``."""
    pattern = re.compile(r"\bulp\s+(off\s+)?in\s+float(64|32)")
    for record, function in RECORDED.values():
        own = inspect.getsource(function).partition('"""')[2].partition('"""')[0]
        found = pattern.findall(own)
        assert len(found) <= (record.name in MEASURED), record.name
    for module in ("distributed/torch.py", "distributed/heads.py", "streaming/_measures.py"):
        source = (Path(relentropy.__file__).parent / module).read_text(encoding="utf-8")
        assert not pattern.search(source), module


def test_the_library_imports_without_docstrings():
    imports = "; ".join(f"import {name}" for name in MODULES)
    code = f"{imports}; import sys; sys.exit(relentropy.kl_divergence.__doc__ is not None)"
    subprocess.run([sys.executable, "-OO", "-c", code], check=True)


PACKAGES = (
    "_arrays",
    "_autodiff",
    "_autodiff.heads",
    "_engines",
    "_engines.triton_kernels",
    "_formulas",
)


@pytest.mark.parametrize("package", PACKAGES)
def test_package_docstrings_list_the_modules(package):
    folder = Path(relentropy.__file__).parent.joinpath(*package.split("."))
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    listed = re.findall(r"^``(\w+)`` +\S", text, re.M)
    modules = {path.stem for path in folder.glob("*.py*") if path.stem != "__init__"}
    modules |= {path.parent.name for path in folder.glob("*/__init__.py")}
    assert sorted(modules - set(listed)) == [], "add these to the docstring of the package"
    assert sorted(set(listed) - modules) == [], "remove these from it"
    assert len(listed) == len(set(listed))


def gloo():
    distributed = importlib.import_module("torch").distributed
    return distributed.is_available() and distributed.is_gloo_available()


@pytest.mark.parametrize("value", NAMES.values(), ids=NAMES)
def test_the_examples_do_what_they_say(value):
    if "init_process_group" in value.__doc__ and not gloo():
        pytest.skip("torch has no gloo here")
    flags = doctest.ELLIPSIS | doctest.REPORT_ONLY_FIRST_FAILURE
    runner = doctest.DocTestRunner(verbose=False, optionflags=flags)
    report = []
    with np.printoptions(legacy=False):
        for test in doctest.DocTestFinder(recurse=False).find(value, value.__name__):
            runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)
    assert runner.tries
