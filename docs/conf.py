"""Settings of Sphinx. Build: python -m sphinx -W --keep-going -b html docs docs/_build/html"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tfpipelines import __version__ as release  # noqa: E402

project, author, language = "tfpipelines", "The tfpipelines authors", "en"
project_copyright = author
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docstrings", "generated"]
exclude_patterns = ["_build", "_generated"]
smartquotes_action = "D"  # dashes, and quotes as they are

# Markdown
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 4  # so that PAGE.md#heading is a link, and one to a heading that is gone a warning

# docstrings: single backticks are code, as in Markdown
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_use_param, napoleon_use_rtype = False, False  # `a, b: text` stays one entry
napoleon_preprocess_types = False

# Every reference must lead somewhere. Only the public names, tfpipelines.NAME, have an entry to lead to; types of other
# packages and of inner modules in signatures have none.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!tfpipelines\.\w+$).*")]

html_theme = "furo"
html_title = f"tfpipelines {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_show_sphinx = False
html_copy_source = False
