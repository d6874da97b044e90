"""URLs: their parts, and what of them is secret."""

from pathlib import Path

import pytest

from tfpipelines.core.urls import Address, as_text, cleaned, is_remote, masked, with_secrets, without_secrets
from tfpipelines.errors import ConfigError

HASH = "0123456789abcdef" * 4


def test_the_fragment_names_a_content_and_a_place_in_it():
    found = Address.of(f"https://x.org/a.zip?v=1#sha256={HASH.upper()}&inside=a%20b/c")
    assert found == Address("https://x.org/a.zip?v=1", HASH, "a b/c")
    assert str(found) == f"https://x.org/a.zip?v=1#sha256={HASH}&inside=a%20b/c" and Address.of(str(found)) == found
    assert str(Address.of("s3://b/c")) == "s3://b/c" and Address.of("S3://b/c").scheme == "s3"


@pytest.mark.parametrize("fragment", ["sha256=1", "md5=a", "inside"])
def test_other_fragments_are_refused(fragment):
    if fragment == "inside":
        assert Address.of(f"https://x.org/a#{fragment}").inside == ""
        return
    with pytest.raises(ConfigError, match="is not understood"):
        Address.of(f"https://anna:geheim@x.org/a#{fragment}")


SECRETS = [  # URL, without its secrets, masked
    ("https://anna:pw@x.org/a", "https://x.org/a", "https://***@x.org/a"),
    ("https://anna@x.org/a", "https://x.org/a", "https://***@x.org/a"),
    ("https://x.org/a?v=1&access_token=pw", "https://x.org/a?v=1", "https://x.org/a?v=1&access_token=***"),
    ("https://x.org/a?sig=pw&sv=2", "https://x.org/a?sv=2", "https://x.org/a?sig=***&sv=2"),
    ("https://x.org/a?X-Amz-Signature=pw", "https://x.org/a", "https://x.org/a?X-Amz-Signature=***"),
    ("https://x.org/a?key=train.csv", "https://x.org/a?key=train.csv", "https://x.org/a?key=train.csv"),
    ("https://x.org/a?key=AIzaSy0123456789abcdef-_", "https://x.org/a", "https://x.org/a?key=***"),
    ("https://x.org/a?author=me&token=", "https://x.org/a?author=me&token=", "https://x.org/a?author=me&token="),
    ("hf://datasets/a/b@main", "hf://datasets/a/b@main", "hf://datasets/a/b@main"),
    ("https://[x", "https://[x", "https://[x"),
]


@pytest.mark.parametrize("url, clean, hidden", SECRETS)
def test_secrets_are_taken_out_and_known_to_this_process(url, clean, hidden):
    assert without_secrets(url) == clean and with_secrets(clean) == url
    assert without_secrets(f"{url}#inside=a") == f"{clean}#inside=a"
    assert masked(f"tfpipe run data.path={url} b") == f"tfpipe run data.path={hidden} b"


def test_nested_contents_and_paths():
    url = "https://anna:pw@x.org/a"
    assert cleaned({"a": [url, 1, None], "b": {"c": "d@e"}}) == {"a": ["https://x.org/a", 1, None], "b": {"c": "d@e"}}
    assert as_text(Path(url)) == "https://x.org/a" == as_text(url) and as_text(Path("a/b")) == "a/b"
    assert is_remote("s3://b") and not is_remote("file:///a") and not is_remote("a/b") and not is_remote("sample:a")
