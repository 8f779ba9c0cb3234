"""Sphinx configuration."""

import os
import sys
from pathlib import Path

from docutils import nodes

import relentropy

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "relentropy"
author = "the relentropy developers"
copyright = f"2026, {author}"
version = release = relentropy.__version__

extensions = [
    "myst_nb", "numpydoc", "sphinx.ext.autodoc",
    "commands", "kernels", "mathml", "reference", "ulp_plot",
]  # fmt: skip
exclude_patterns = ["_build"]
html_math_renderer_name = "mathml"
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Every cell runs at every build: what a page shows is what this library does.
nb_execution_mode = "force"
nb_execution_show_tb = True  # beside the warning, which is an error
nb_execution_timeout = 120
nb_output_stderr = "error"
nb_merge_streams = True
# Cells are run by nobody's IPython but ours, which draws for light and for dark.
os.environ["IPYTHONDIR"] = str(HERE / "_build" / "ipython")
os.environ["PYTHONSTARTUP"] = str(HERE / "_ext" / "startup.py")
os.environ["MPLBACKEND"] = "agg"  # the inline one takes away how figures are shown

default_role = "py:obj"  # what a docstring has in backticks
autodoc_member_order = "bysource"
autodoc_mock_imports = ["dask", "torch"]  # relentropy.distributed imports them
autodoc_typehints = "none"  # numpydoc's Parameters section says it better
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = f"relentropy {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"
html_copy_source = False


def trim(app, doctree):
    """Take the empty line from doctests that keeps their last output from the fence."""
    for block in doctree.findall(nodes.literal_block):
        if block.rawsource == block.astext():  # else it is no code
            block.rawsource = block.rawsource.rstrip()
            block.children = [nodes.Text(block.rawsource)]


def setup(app):
    app.connect("doctree-read", trim)
