"""Sphinx's settings of the book. `scripts/book.py` lays out the sources; nothing is fetched or run."""

import re

project = "rolab"
copyright = "the rolab authors"
html_title = "rolab: understanding adversarial training"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
exclude_patterns = ["generated/*"]  # included by other pages

# Notebooks: as they were committed.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type"]  # cells that begin at a lower level

# The reference: docstrings are plain text with the sections of Google's style.
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
napoleon_custom_sections = ["Shape"]
napoleon_use_ivar = True
default_role = "py:obj"
python_use_unqualified_type_names = True

# The look
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_show_search_summary = False  # a page opened from a folder may not read other pages
html_copy_source = False
html_show_sourcelink = False
mathjax_path = "tex-svg-full.js"  # one file, and no fonts beside it
mathjax3_config = {"tex": {"inlineMath": [["$", "$"], ["\\(", "\\)"]]}}


SECTION = re.compile(r"(Args|Attributes|Raises|Returns|Shape|Yields):$")


def escape(app, what, name, obj, options, lines):
    """Docstrings are no reStructuredText: |z|, * and x_ mean themselves, an indented block stays as it is."""
    section = literal = False
    for place, line in enumerate(lines):
        if line.strip() and not line.startswith(" "):
            section, literal = bool(SECTION.match(line)), False
        elif line.startswith("    ") and not (section or literal or lines[place - 1].strip()):
            lines[place - 1], literal = "::\n", True
        if not literal and ">>>" not in line:
            parts = re.split(r"(`[^`]*`)", line)
            parts[::2] = [re.sub(r"([|*]|(?<=\w)_(?!\w))", r"\\\1", part) for part in parts[::2]]
            lines[place] = "".join(parts)
    lines[:] = "\n".join(lines).split("\n")


def plotly_address(app, pagename, templatename, context, doctree):
    """Where the sliders of the figures find plotly.js."""
    address = context["pathto"]("_static/plotly.min.js", resource=True)
    context["metatags"] = context.get("metatags", "") + f'<meta name="plotly" content="{address}" />'


def setup(app):
    """Connects the two functions; `escape` before napoleon."""
    app.connect("autodoc-process-docstring", escape, priority=400)
    app.connect("html-page-context", plotly_address)
