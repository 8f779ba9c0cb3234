"""Sphinx configuration."""

import relentropy

project = "relentropy"
author = "the relentropy developers"
copyright = f"2026, {author}"
version = release = relentropy.__version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.mathjax"]
exclude_patterns = ["_build", "accuracy.md"]  # included by measured.md
myst_enable_extensions = ["dollarmath"]

autodoc_member_order = "bysource"
autodoc_mock_imports = ["dask", "torch"]  # relentropy.distributed imports them
autodoc_typehints = "none"  # numpydoc's Parameters section says it better
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = f"relentropy {release}"
