"""mypy and pyright on users' programs, and mypy on a formula with a misspelling.

The session `typing` runs them; with the other tests they are skipped where there is no checker.
"""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCE = ROOT / "src"
MARKED = {
    number
    for number, line in enumerate((HERE / "refused.py").read_text().splitlines(), 1)
    if line.endswith("# error")
}


def errors_of_mypy(*files: Path) -> list[tuple[str, int, str]]:
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    command += ["--config-file=", f"--cache-dir={ROOT / '.mypy_cache'}", *map(str, files)]
    environment = {"MYPYPATH": str(SOURCE), "PATH": ""}
    found = subprocess.run(
        command, cwd=HERE, env=environment, check=False, capture_output=True, text=True
    )
    assert found.returncode in (0, 1), found.stdout + found.stderr
    lines = re.findall(r"^(.+?):(\d+): error: (.*)$", found.stdout, re.MULTILINE)
    return [(Path(name).name, int(line), message) for name, line, message in lines]


def errors_of_pyright(folder: Path, *files: Path) -> list[tuple[str, int, str]]:
    pytest.importorskip("pyright")
    config = {"extraPaths": [str(SOURCE)]}
    for file in files:  # what is checked is what lies below the configuration
        shutil.copy(file, folder)
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "pyright", "--outputjson", "-p", str(folder)]
    command += ["--pythonpath", sys.executable]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    assert found.returncode in (0, 1), found.stdout + found.stderr
    report = json.loads(found.stdout)
    assert report["summary"]["filesAnalyzed"] == len(files)
    return [
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1, one["message"])
        for one in report["generalDiagnostics"]
        if one["severity"] == "error"
    ]


def require_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")


def check(found: list[tuple[str, int, str]]) -> None:
    assert [one for one in found if one[0] == "accepted.py"] == []
    assert {line for _, line, _ in found} == MARKED, found


def test_mypy():
    require_torch()
    check(errors_of_mypy(HERE / "accepted.py", HERE / "refused.py"))


def test_pyright(tmp_path):
    require_torch()
    check(errors_of_pyright(tmp_path, HERE / "accepted.py", HERE / "refused.py"))


@pytest.mark.parametrize(
    ("formula", "right", "wrong", "message"),
    [
        ("log1pmx", "xp.where", "xp.wher", '"Namespace" has no attribute "wher"'),
        ("joint", ".hi", ".hgi", '"Pair" has no attribute "hgi"'),
        ("binary", "value = rate / ", "value = rate.shpae / ", 'no attribute "shpae"'),
        ("sides", "xp: Namespace", "xp: Namespac", '"Namespac" is not defined'),
    ],
)
def test_a_misspelling_in_a_formula_is_found(tmp_path, formula, right, wrong, message):
    text = (SOURCE / f"relentropy/_formulas/{formula}.py").read_text()
    text = text.replace("from ..", "from relentropy.").replace(
        "from .", "from relentropy._formulas."
    )
    (tmp_path / "whole.py").write_text(text)
    assert right in text
    (tmp_path / "misspelt.py").write_text(text.replace(right, wrong, 1))
    found = errors_of_mypy(tmp_path / "whole.py", tmp_path / "misspelt.py")
    assert {name for name, _, _ in found} == {"misspelt.py"}
    assert any(message in text for _, _, text in found), found


def test_names_are_those_that_functions_take():
    from relentropy._formulas.estimates import ESTIMATORS
    from relentropy._formulas.generators import NAMES, GeneratorName
    from relentropy.estimators.samples import ALIASES, EstimatorName

    assert set(get_args(GeneratorName)) == set(NAMES)
    names = {*ESTIMATORS, *ALIASES}
    assert set(get_args(EstimatorName)) == names | {f"{name}+" for name in names}
