"""How Sphinx builds the documentation: ``python3 -m nox -s docs``.

Everything that can be read from the code is: settings, errors, hooks, states,
commands and the API reference. A warning fails the build.
"""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "storeorch"
author = "the storeorch authors"
release = version = installed_version("storeorch")
project_copyright = author

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "markdown_docstrings",
    "reference_tables",
    "states_diagram",
]
exclude_patterns = ["_ext"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "separated"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"storeorch {release}"
html_static_path = ["_static"]
html_css_files = ["storeorch.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"font-stack": "system-ui, sans-serif"},
    "dark_css_variables": {"font-stack": "system-ui, sans-serif"},
}
pygments_style = "friendly"
