"""The page for people, in a real Chromium."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ..conftest import ROOT
from .browser import WHERE, Browser
from .running import Server
from .small_export import picture, write_export

for needed in ("uvicorn", "httptools", "python_multipart", "prometheus_client", "onnx", "onnxruntime"):
    pytest.importorskip(needed, reason=f"serving needs {needed}: pip install 'tfpipelines[serve,onnx]'")

OLD = ROOT / "tests" / "runs_of_earlier_versions" / "0.1.0"
in_browser = pytest.mark.skipif(WHERE is None, reason="there is no Chromium here")
ANSWERED = "document.querySelectorAll('#answers .answer').length"
# the contrast of each text with what lies behind it, at least 4.5 (WCAG 2.2, 1.4.3)
PALE = """(() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([red, green, blue]) => [red, green, blue].map((value) => value / 255)
    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = numbers(getComputedStyle(one).backgroundColor);
      if (color.length < 4 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || !element.checkVisibility() || ["SCRIPT", "NOSCRIPT"].includes(element.tagName)) continue;
    const [one, other] = [numbers(getComputedStyle(element).color), behind(element)].map(light);
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) found.push(`${text.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return found;
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    running = Browser(tmp_path_factory.mktemp("chromium"))
    yield running
    running.end()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(write_export(tmp_path_factory.mktemp("small") / "1"), "--limit=seconds=60").wait()
    yield running
    running.end()


def keep(browser, name: str) -> None:
    """Keeps a picture of the page for whoever wants to look: TFPIPE_TEST_PICTURES names the folder."""
    if folder := os.environ.get("TFPIPE_TEST_PICTURES"):
        (Path(folder) / f"{name}.png").write_bytes(browser.picture())


def test_the_page_needs_nothing_else(server):
    told = server.ask("/")
    html, policy = told.body.decode(), told.headers["content-security-policy"]
    assert told.status == 200 and told.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert policy.count("sha256-") == 2 == html.count("<script>") + html.count("<style>")
    assert "http:" not in html.replace("http://www.w3.org/2000/svg", "") and "https:" not in html


@in_browser
def test_an_image_is_chosen_and_answered(server, browser, tmp_path):
    good, bad = tmp_path / "bright <b>.png", tmp_path / "broken.png"
    good.write_bytes(picture(204))
    bad.write_bytes(b"no image")
    browser.look()
    browser.open(f"http://127.0.0.1:{server.port}/")
    browser.until("!document.getElementById('ask').hidden")
    assert browser.run("document.title").startswith("small") and "4 held-out samples" in browser.run(
        "document.body.innerText"
    )
    keep(browser, "empty")
    browser.choose("#file", good)
    browser.until(f"{ANSWERED} === 1")
    told = browser.run("document.getElementById('answers').innerText")
    assert (
        "bright <b>.png" in told
        and "80.0 %" in told
        and browser.run("document.querySelector('.said').innerText") == "bright"
    )
    assert "bright" in browser.run("document.getElementById('status').innerText")
    assert browser.until("document.querySelector('#answers img').naturalWidth") == 8
    for name, look in LOOKS.items():
        browser.look(**look)
        assert browser.run(PALE) == [], name
        assert browser.run("document.documentElement.scrollWidth <= innerWidth"), name
        keep(browser, f"answer_{name}")
    browser.look()
    browser.choose("#file", good, bad)
    browser.until(f"{ANSWERED} === 2")
    assert "Not an image" in browser.run("document.querySelector('.failed .cause').innerText")
    assert "1 inputs could not be read" in browser.run("document.getElementById('status').innerText")
    browser.choose("#file", bad)
    browser.until(f"{ANSWERED} === 1 && !!document.querySelector('.failed')")
    assert browser.run(PALE) == []
    keep(browser, "error")
    assert browser.complaints() == []
    hosts = {urlsplit(address).netloc for address in browser.requests() if address.startswith("http")}
    assert hosts == {f"127.0.0.1:{server.port}"}


LOOKS = {"light": {}, "dark": {"dark": True}, "phone": {"width": 360, "height": 740}}


@in_browser
def test_the_page_is_for_keyboards_and_screen_readers(server, browser):
    browser.look()
    browser.open(f"http://127.0.0.1:{server.port}/")
    browser.until("!document.getElementById('ask').hidden")
    reached = []
    for _ in range(4):
        browser.press("Tab", 9)
        reached.append(browser.run("document.activeElement.id || document.activeElement.tagName"))
        assert browser.run("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert reached == ["file", "send", "SUMMARY", "A"]
    browser.run("document.getElementById('send').focus()")
    browser.press("Enter", 13, "\r")
    browser.until("document.getElementById('status').innerText === 'Choose an image first.'")
    named = {}
    for node in browser.call("Accessibility.getFullAXTree")["nodes"]:
        if not node.get("ignored"):
            named.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    assert named["heading"] == ["small"] and named["main"] and named["status"]
    for role in ("button", "textbox", "combobox", "checkbox", "spinbutton"):
        assert all(named.get(role, [])), (role, named[role])
    live = browser.run("document.getElementById('status').getAttribute('aria-live')")
    assert live == "polite" and browser.run("document.documentElement.lang") == "en"


@in_browser
def test_a_token_is_asked_for(browser, tmp_path):
    token = "a-token-of-many-letters"
    server = Server(write_export(tmp_path / "1"), environment={"TFPIPE_SERVE_TOKEN": token})
    try:
        browser.open(f"http://127.0.0.1:{server.port}/")
        browser.until("!document.getElementById('access').hidden")
        for word, seen in (("wrong", "/wrong/.test(document.getElementById('status').innerText)"),
                           (token, "!document.getElementById('ask').hidden")):  # fmt: skip
            browser.until("document.activeElement.id === 'token'")
            browser.run("document.getElementById('token').value = ''")
            browser.type(word)
            browser.press("Enter", 13, "\r")
            browser.until(seen)
        assert browser.run("document.getElementById('access').hidden") and token not in browser.run("location.href")
    finally:
        server.end()


@in_browser
@pytest.mark.slow
def test_answers_are_explained(browser):
    shown = {}
    for task in ("image-cls", "text-cls", "anomaly-table", "anomaly-series", "dcgan"):
        server = Server(OLD / task, "--limit=seconds=100").wait()
        try:
            browser.look()
            browser.open(f"http://127.0.0.1:{server.port}/")
            browser.until("!document.getElementById('ask').hidden")
            columns = server.ask("/v1/model").json["columns"]
            browser.run("document.getElementById('explain').checked = !document.getElementById('explain-field').hidden")
            if task == "image-cls":
                browser.choose("#file", ROOT / "docs" / "_static" / "digit.png")
            elif task == "text-cls":
                browser.run("document.getElementById('text').focus()")
                browser.type("A gripping film 😀, witty and <b>warm</b>, but far too long")
            elif columns:
                browser.run("document.getElementById('table').focus()")
                header = f"{chr(9).join(columns)}\n" if task == "anomaly-series" else ""
                browser.type(header + f"{chr(9).join('1.5' for _ in columns)}\n" * (80 if header else 2))
            browser.run("document.getElementById('send').click()")
            browser.until(f"{ANSWERED} > 0", 100)
            assert not browser.run("Boolean(document.querySelector('.failed'))"), browser.run("document.body.innerText")
            shown[task] = browser.run("document.getElementById('answers').innerHTML")
            assert browser.complaints() == [] and browser.run(PALE) == [], task
            keep(browser, task)
            browser.look(width=360, height=740, dark=True)
            assert browser.run(PALE) == [] and browser.run("document.documentElement.scrollWidth <= innerWidth"), task
            keep(browser, f"{task}_phone_dark")
        finally:
            server.end()
    assert "<canvas" in shown["image-cls"] and "The strongest place" in shown["image-cls"]
    assert "<mark" in shown["text-cls"] and "&lt;b&gt;" in shown["text-cls"]
    assert "What the score is made of" in shown["anomaly-table"] and shown["anomaly-table"].count("<article") == 2
    assert "line-chart" in shown["anomaly-series"] and "data:image/png" in shown["dcgan"]
