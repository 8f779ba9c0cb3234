"""What every page's kernel runs first; it leaves no name behind."""


def _start() -> None:
    import os
    import runpy
    import sys
    from pathlib import Path

    from IPython import get_ipython

    here = Path(os.environ["PYTHONSTARTUP"]).parent
    runpy.run_path(str(here / "pictures.py"))["register"](get_ipython())
    os.chdir(here.parent / "_build" / "run")
    # Pages import bench, tests.oracle and examples.figures.
    sys.path.append(str(here.parents[1]))


_start()
del _start
