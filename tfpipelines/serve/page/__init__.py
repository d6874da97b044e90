"""The page for people: one HTML document without outside addresses, made of the templates of this folder."""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from ...output.pages import render


@cache
def page() -> tuple[bytes, str]:
    """The document, UTF-8, and its Content-Security-Policy: its own style and script by their hashes, and nothing else.

    What it shows it asks from the server it comes from; so it is the same for all models.
    """
    html = render(Path(__file__).with_name("page.html.j2"))
    rules = [
        "default-src 'none'", "connect-src 'self'", "img-src data: blob:", "base-uri 'none'", "form-action 'none'",
        "frame-ancestors 'none'", f"style-src {_hashes(html, 'style')}", f"script-src {_hashes(html, 'script')}",
    ]  # fmt: skip
    return html.encode(), "; ".join(rules)


def _hashes(html: str, tag: str) -> str:
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in found)
