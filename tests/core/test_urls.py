"""URLs: their parts, and what of them is secret."""

from pathlib import Path

import pytest

from tfpipelines.core.config import parse_overrides
from tfpipelines.core.config.files import find_pipeline
from tfpipelines.core.urls import (
    Address,
    as_text,
    cleaned,
    has_several,
    is_remote,
    masked,
    masked_word,
    with_secrets,
    without_secrets,
)
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
    with pytest.raises(ConfigError, match="is not understood") as caught:
        Address.of(f"https://anna:geheim@x.org/a#{fragment}&access_token=geheim")
    assert "geheim" not in str(caught.value)


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
    ("https://anna:pw@[x/a", "https://[x/a", "https://***@[x/a"),
    ("https://anna:p@w@x.org/a", "https://x.org/a", "https://***@x.org/a"),
    ("https://x.org:8080/a@b?c=d@e", "https://x.org:8080/a@b?c=d@e", "https://x.org:8080/a@b?c=d@e"),
    (
        "s3://arn:aws:s3:eu:1:accesspoint/a@b",
        "s3://arn:aws:s3:eu:1:accesspoint/a@b",
        "s3://arn:aws:s3:eu:1:accesspoint/a@b",
    ),
    ("https://x.org/a?v=1;token=pw", "https://x.org/a?v=1", "https://x.org/a?v=1;token=***"),
    ("https://x.org/a?token=p'w&v=1;2", "https://x.org/a?v=1;2", "https://x.org/a?token=***&v=1;2"),
]


@pytest.mark.parametrize("url, clean, hidden", SECRETS)
def test_secrets_are_taken_out_and_known_to_this_process(url, clean, hidden):
    assert without_secrets(url) == clean and with_secrets(clean) == url
    assert without_secrets(f"{url}#inside=a") == f"{clean}#inside=a"
    assert masked(f"tfpipe run data.path={url} b") == f"tfpipe run data.path={hidden} b"


NAMES = (
    "token pass pwd jwt sig rlkey resourcekey resource_key subscription-key api_key apiKey AWSAccessKeyId Signature "
    "accessToken access%5Ftoken oauth_token client_secret Key-Pair-Id X-Amz-Date AUTH password2"
)
OTHERS = "tokenizer authenticated author max_tokens page_token nextPageToken key keyboard monkey code passage design"


def test_secrets_are_told_by_the_words_of_a_name():
    for name in NAMES.split():
        assert without_secrets(f"https://x.org/a?{name}=abc") == "https://x.org/a", name
    for name in OTHERS.split():
        assert without_secrets(f"https://x.org/a?{name}=abc") == f"https://x.org/a?{name}=abc", name
    for name in ("code", "key", "Policy"):
        assert without_secrets(f"https://x.org/a?{name}=0123456789012345678_ab") == "https://x.org/a"
        assert "train.csv" in without_secrets(f"https://x.org/a?{name}=0123456789012345678_train.csv")


@pytest.mark.parametrize("mark", "/?#")
def test_a_password_that_ends_the_host_is_refused_and_not_shown(mark):
    url = f"https://anna:ge{mark}heim@x.org/a?token=geheim"
    assert masked_word(url) == "https://***@x.org/a?token=***" and "heim" not in without_secrets(url)
    with pytest.raises(ConfigError, match="ends too early") as caught:
        Address.of(url)
    assert "heim" not in str(caught.value) and "%2F" in caught.value.remedy


@pytest.mark.parametrize("url", ["https://anna:geheim@[host/x", "https://anna:geheim@host:99999/x"])
def test_what_is_no_url(url):
    with pytest.raises(ConfigError, match="is no URL") as caught:
        Address.of(url)
    assert "geheim" not in str(caught.value)


def test_words_and_texts():
    assert masked_word("data.path=https://anna:p w@x.org/a") == "data.path=https://***@x.org/a"
    assert masked_word("[s3://a/b,https://anna:pw@x.org/a]") == "[s3://a/b,https://***@x.org/a]"
    assert masked("is at 'http://x.org:80': no https://a:b@x.org") == "is at 'http://x.org:80': no https://***@x.org"
    assert masked_word("https://x.org/a#access_token=pw") == "https://x.org/a#access_token=***"
    for word in ("http://anna:geheim@x.org/a.csv", "data.path=[http://anna:geheim@x.org/a.csv"):
        with pytest.raises(ConfigError) as caught:
            parse_overrides([word])
        assert "geheim" not in str(caught.value)
    with pytest.raises(ConfigError, match="no pipeline") as caught:
        find_pipeline("http://anna:geheim@x.org/a.csv")
    assert "geheim" not in str(caught.value)


def test_urls_that_differ_only_in_what_is_secret():
    first, second = "https://x.org/several?token=a", "https://x.org/several?token=b"
    assert without_secrets(first) == without_secrets(first) == "https://x.org/several"
    assert not has_several("https://x.org/several")
    without_secrets(second)
    assert has_several("https://x.org/several") and with_secrets("https://x.org/several") == second
    without_secrets(first)
    assert with_secrets("https://x.org/several") == first


def test_nested_contents_and_paths():
    url = "https://anna:pw@x.org/a"
    assert cleaned({"a": [url, 1, None], "b": {"c": "d@e"}}) == {"a": ["https://x.org/a", 1, None], "b": {"c": "d@e"}}
    assert as_text(Path(url)) == "https://x.org/a" == as_text(url) and as_text(Path("a/b")) == "a/b"
    assert (
        as_text(Path("ftp://anna:pw@x.org/a")) == "ftp://x.org/a"
        and as_text(Path("HTTPS://x.org/a")) == "HTTPS://x.org/a"
    )
    assert as_text(Path("file:///a/b%20c")) == "/a/b c" == as_text("file:///a/b%20c")
    assert is_remote("s3://b") and not is_remote("file:///a") and not is_remote("a/b") and not is_remote("sample:a")
