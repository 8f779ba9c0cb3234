"""Kernels that are spoken to through files: a free port may be another's when it is used.

That happened where several builds shared a machine, and one of them ended with it.
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import nbclient.client
from jupyter_client.manager import AsyncKernelManager
from sphinx.application import Sphinx
from traitlets import default

# Names of sockets may have a hundred letters at most; those of a build's folder have more.
SOCKETS = tempfile.TemporaryDirectory(prefix="cells-")


class Manager(AsyncKernelManager):
    """Starts a kernel."""

    @default("transport")
    def _files(self) -> str:
        return "ipc"

    @default("ip")
    def _folder(self) -> str:
        return str(Path(SOCKETS.name, uuid4().hex))


class Client(nbclient.client.NotebookClient):
    """Runs a page's cells."""

    @default("kernel_manager_class")
    def _manager(self) -> type[AsyncKernelManager]:
        return Manager


def setup(app: Sphinx) -> dict[str, Any]:
    """Have myst-nb run cells so; it lets nobody choose."""
    logging.getLogger("traitlets").setLevel("WARNING")  # every page would be named
    if os.name == "posix":
        nbclient.client.NotebookClient = Client
    return {"parallel_read_safe": True, "parallel_write_safe": True}
