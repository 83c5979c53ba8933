"""How Sphinx builds the site: `make docs`."""

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

from echodesk_billing import __version__

project = "echodesk-billing"
author = "The EchoDesk Billing authors"
copyright = "2026, The EchoDesk Billing authors"  # noqa: A001 - the name that Sphinx reads
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["__init__.py"]

autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
copybutton_prompt_text = "$ "

default_role = "code"
html_theme = "furo"
html_title = "echodesk-billing"


def setup(app: Sphinx) -> None:
    """Show state diagrams as their source: the site needs no scripts from elsewhere."""
    app.add_lexer("mermaid", TextLexer)
