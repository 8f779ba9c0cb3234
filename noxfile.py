"""The project's sessions: ``nox`` runs the default ones, ``nox -s NAME`` any of them.

Budgets are minutes on two cores, with environments built from nothing. No page states others.

========  ======  =======================================================
session   budget  what
========  ======  =======================================================
lint           1  ruff check, ruff format --check, clang-format, import-linter
typing         3  mypy --strict over src; mypy and pyright over users' programs
minimal        2  lowest numpy and array-api-compat, no engine, nothing else
docs           3  doctests of docstrings and README, the Sphinx pages with their cells
tests         18  the test suite with every backend that runs on a CPU
--------  ------  -------------------------------------------------------
default       27  the five above
full          60  bulk checks: everything marked ``full``
engines       60  the generated suite, once for each instruction set
tests_gpu     60  the generated suite on a CUDA device, by the formulas and by the engines
oracle        60  recomputes the tables of reference values from mpmath
site           5  looks at the pages that `docs` built, in a browser of the system
peers          5  SciPy's and torch's own tests, on the look-alikes of their functions
accuracy      25  measures every function for docs/reference, audits rivals
bench         30  speed and memory against the peers
========  ======  =======================================================
"""

import shutil
import sysconfig
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
# The cheap ones first, and the test suite last: its closing lines end the output.
nox.options.sessions = ["lint", "typing", "minimal", "docs", "tests"]

PYPROJECT = nox.project.load_toml("pyproject.toml")


# As where there is no compiler. What only reads the sources need not wait for one either.
WITHOUT_ENGINE = [f"--config-settings=wheel.{what}" for what in ("cmake=false", "py-api=py3")]


def install(session: nox.Session, *groups: str, extras: str = "", engine: bool = True) -> None:
    """Install the named dependency groups and then the project itself."""
    options = [] if engine else WITHOUT_ENGINE
    packages = nox.project.dependency_groups(PYPROJECT, *groups)
    session.install(*options, *packages, f".{extras}")
    if engine and can_compile():
        # The installation goes on without it; the checks would pass, having skipped it.
        require = "from relentropy._engines.config import engine; engine()"
        session.run("python", "-c", require, env={"RELENTROPY_ENGINE": "compiled"})


def can_compile() -> bool:
    """Whether the engine should have been built."""
    compiler = any(shutil.which(name) for name in ("c++", "g++", "clang++", "cl"))
    return compiler and Path(sysconfig.get_path("include"), "Python.h").exists()


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, the format of Python and of C++, and the direction of imports."""
    install(session, "lint", engine=False)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    sources = sorted(map(str, Path("src").rglob("*.[ch]pp")))
    session.run("clang-format", "--dry-run", "--Werror", *sources)
    session.run("lint-imports")
    for program in ("kernels", "coefficients"):
        session.run("python", "-m", f"tools.{program}", "--check")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types of the sources, strictly, and those that users' checkers see."""
    install(session, "typing", extras="[cli]", engine=False)
    session.run("mypy", *session.posargs)
    session.run("pytest", "--noconftest", "tests/typing")


@nox.session(python="3.11")
def minimal(session: nox.Session) -> None:
    """Run what needs nothing but the lowest supported numpy and array-api-compat.

    The engine is not built: switched off by a variable it would still be there to be imported.
    """
    lowest = [bound.replace(">=", "==") for bound in PYPROJECT["project"]["dependencies"]]
    session.install(*WITHOUT_ENGINE, *lowest, "pytest", ".")
    session.run(
        "pytest",
        "--doctest-modules",
        "--doctest-ignore-import-errors",  # the command's modules need click and rich
        "--pyargs",
        "relentropy",
        "tests/test_house.py",
        "tests/test_testing.py",
        "tests/engines/test_build.py",
        "tests/engines/test_config.py",
        *session.posargs,
    )


@nox.session
def docs(session: nox.Session) -> None:
    """Run every example in docstrings and pages, then build the site."""
    install(session, "docs", extras="[cli]", engine=False)
    # Modules that need torch or jax themselves are left to the tests, which have them.
    modules = ("--doctest-modules", "--doctest-ignore-import-errors", "--pyargs", "relentropy")
    session.run("pytest", *modules)
    # These need torch, jax or dask, and run with the tests, which have them.
    elsewhere = (
        "docs/guides/audit.md",
        "docs/guides/derivatives.md",
        "docs/guides/scaling.md",
        "docs/how/gpu.md",
    )
    left_out = [f"--ignore={page}" for page in ("docs/_build", *elsewhere)]
    session.run("pytest", "--doctest-glob=*.md", *left_out, "README.md", "docs")
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-E", "docs", "docs/_build/html")


@nox.session
def site(session: nox.Session) -> None:
    """Look at every page that was built, in a browser, on a telephone and a desk."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "site"))
    session.run("python", "docs/check.py", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the test suite with every backend that runs on a CPU."""
    install(session, "test")
    session.run("pytest", "-n", "2", "--dist", "worksteal", *session.posargs)


@nox.session
def full(session: nox.Session) -> None:
    """Run the bulk checks."""
    install(session, "test")
    session.run("pytest", "-n", "2", "--dist", "worksteal", "-m", "full", *session.posargs)


@nox.session
def engines(session: nox.Session) -> None:
    """Run the generated suite through the formulas and through every instruction set."""
    install(session, "test")
    ask = "from relentropy._engines import _cpu; print(*_cpu.instruction_sets())"
    sets = session.run("python", "-c", ask, silent=True) or ""
    for name in ("generic", *sets.split()):
        session.run(
            *("pytest", "-n", "2", "--dist", "worksteal", "tests/suite", "tests/engines"),
            *session.posargs,
            env={"RELENTROPY_ENGINE": name},
        )


@nox.session
def tests_gpu(session: nox.Session) -> None:
    """Run the generated suite on a CUDA device, through the formulas and through the engines.

    torch has to have been installed for the device: what this session would bring has no CUDA.
    """
    groups = [
        one for one in nox.project.dependency_groups(PYPROJECT, "test") if "torch" not in one
    ]
    session.install(*groups, ".[cupy]", "torch>=2.4")
    for name in ("generic", "auto"):
        session.run(
            *("pytest", "-m", "gpu", "tests/suite", "tests/engines"),
            *session.posargs,
            env={"RELENTROPY_ENGINE": name, "TRITON_INTERPRET": "0"},
        )


@nox.session
def oracle(session: nox.Session) -> None:
    """Recompute the tables of reference values."""
    install(session, "test")
    session.run("python", "-m", "tests.tables.regenerate", *session.posargs)


@nox.session
def peers(session: nox.Session) -> None:
    """Run SciPy's and torch's own tests against the look-alikes of their functions."""
    install(session, "test", "peers")
    session.run("python", "-m", "tests.peers", *session.posargs)


@nox.session
def accuracy(session: nox.Session) -> None:
    """Measure every function that has a record, for its page, and audit rivals."""
    install(session, "test", "bench")
    session.run("python", "-m", "bench.accuracy", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed and memory against the peers."""
    install(session, "bench")
    session.run("python", "-m", "bench", *session.posargs)
