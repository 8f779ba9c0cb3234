"""``{command}``: a command of the shell, run when the page is built, and what it printed.

Commands and cells start in one folder, ``_build/run``, where ``tests/data`` is the
repository's: they look as they do in a clone. Under ``:picture:`` is what the command wrote by
its option ``--plot``, once more with ``--theme dark`` for dark pages.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from sphinx.application import Sphinx

RUN = Path(__file__).parents[1] / "_build" / "run"
# Of what is printed, so many letters fit on a line of the page.
COLUMNS = "84"


class Command(Directive):
    """The directive."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "picture": directives.unchanged_required,
        "alt": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """Run the command."""
        command = "\n".join(self.content)
        shown = nodes.literal_block(command, command, language="bash")
        printed = self._printed(command).rstrip()
        found: list[nodes.Node] = [shown]
        if printed:
            said = nodes.literal_block(printed, printed, language="text", classes=["printed"])
            found.append(said)
        if picture := self.options.get("picture"):
            dark = f"{Path(picture).stem}-dark{Path(picture).suffix}"
            self._printed(f"{command.replace(picture, dark)} --theme dark")
            for name, theme in ((picture, "only-light"), (dark, "only-dark")):
                uri = f"/{(RUN / name).relative_to(RUN.parents[1]).as_posix()}"
                image = nodes.image(uri=uri, alt=self.options["alt"])
                found.append(nodes.container("", image, classes=["picture", theme]))
        return found

    def _printed(self, command: str) -> str:
        words = shlex.split(command.replace("\\\n", " "))
        scripts = sysconfig.get_path("scripts")
        path = os.pathsep.join([scripts, os.environ["PATH"]])
        ended = subprocess.run(
            [str(Path(scripts, words[0])), *words[1:]],
            cwd=RUN,
            env=os.environ | {"COLUMNS": COLUMNS, "PATH": path, "NO_COLOR": "1"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if ended.returncode:
            raise self.error(f"{command}\nended with {ended.returncode}: {ended.stderr}")
        return ended.stdout


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx, and lay out the folder."""
    data = RUN / "tests" / "data"
    data.parent.mkdir(parents=True, exist_ok=True)
    if not data.exists():
        data.symlink_to(RUN.parents[2] / "tests" / "data")
    app.add_directive("command", Command)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
