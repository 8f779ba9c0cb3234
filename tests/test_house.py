"""What must hold of the project as a whole."""

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
