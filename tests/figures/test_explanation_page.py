"""The explanation's page: what it says, that names are only text, and that it works in a browser without a network."""

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from itnas.figures.explanation import Explained, page
from tests.figures.explained import explained
from tests.figures.test_learning_curves import BROWSERS

UGLY = "</script><script>alert(1)</script>&amp;" + "blocks.with_a_very_long_name" * 12 + "%{x}\"'<b>"


class Texts(HTMLParser):
    """What a reader sees, and the elements that there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts.append(data)
        elif self.inside != "style":
            self.seen.append(data)

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def plots(self) -> list[dict[str, Any]]:
        return [json.loads(script) for script in self.scripts if script.startswith('{"data"')]


def test_a_page_says_what_became_of_each_layer() -> None:
    read = Texts(page(explained(layers=2)))
    for text in (
        "recall: what the layers became",
        "At 16, 32, 64 points.",
        "The score of 0.",
        "Layer 2: blocks.0.mixer (integral)",
        "Layer 1 became a convolution with 2 taps.",
        "0.96 to 0.98",
        "1, 2, more (+0.41)",
        "head 1: convolution, 25% of the output",
        "2 offsets",
        "Of the kernel is left: something.",
    ):
        assert text in read.seen
    # Of two layers: two heads' mean and three samples, the curves, the states.
    assert [plot["data"][0]["type"] for plot in read.plots()] == [*["heatmap"] * 8, "scatter", "scatter"] * 2


def test_several_replicas_have_a_table_that_leads_to_each() -> None:
    read = Texts(page(explained(layers=2, replicas=3)))
    links = [about["href"] for tag, about in read.elements if tag == "a"]
    assert links == ["#replica-0", "#replica-1", "#replica-2"]
    assert set(links) <= {f"#{about.get('id')}" for _, about in read.elements}
    assert not [tag for tag, _ in Texts(page(explained())).elements if tag == "a"]


def test_a_layer_that_does_nothing_has_kernels_alone() -> None:
    read = Texts(page(explained(curves=False, states=())))
    assert {plot["data"][0]["type"] for plot in read.plots()} == {"heatmap"}
    assert "needed" not in read.seen


def test_without_an_order_there_are_no_states() -> None:
    plots = Texts(page(explained(states=()))).plots()
    assert len([plot for plot in plots if plot["data"][0]["type"] == "scatter"]) == 1


def test_names_are_text_whatever_they_hold() -> None:
    whole = page(explained(name=UGLY, kind=UGLY, sentence=UGLY, family=UGLY)._replace(title=UGLY, said=[UGLY]))
    read = Texts(whole)
    assert read.seen.count(UGLY) == 5  # tab, title, what is said, sentence, family
    assert f"Layer 1: {UGLY} ({UGLY})" in read.seen
    assert "alert(1)" not in "".join(read.scripts)


def test_names_of_curves_are_text_too() -> None:
    made = explained()
    (network,) = made.networks
    panel = network.panels[0]
    ugly = panel._replace(lines=[panel.lines[0]._replace(family=UGLY)])
    read = Texts(page(made._replace(networks=[network._replace(panels=[ugly])])))
    assert UGLY in read.seen
    (curves,) = [plot for plot in read.plots() if plot["data"][0].get("name") == UGLY]
    assert "<b>" not in curves["data"][0]["hovertemplate"]


def test_a_page_loads_nothing() -> None:
    elements = Texts(page(explained())).elements
    assert {tag for tag, _ in elements}.isdisjoint({"link", "img", "iframe"})
    assert not [about for _, about in elements if "src" in about]


# Sent from the page, once it is drawn, to the page around it.
PROBE = """<script>
const failed = [];
addEventListener("error", (event) => failed.push(event.message));
const look = (left) => {
  const plots = [...document.querySelectorAll(".plot")];
  if (left && !plots.every((plot) => plot.querySelector(".main-svg"))) {
    setTimeout(look, 500, left - 1);
    return;
  }
  const escapes = (text) => {
    const [inner, outer] = [text, text.closest(".plot")].map((each) => each.getBoundingClientRect());
    return inner.left < outer.left - 1 || inner.right > outer.right + 1;
  };
  const texts = plots.flatMap((plot) => [...plot.querySelectorAll("svg text")]);
  parent.postMessage(JSON.stringify({
    failed,
    loaded: performance.getEntriesByType("resource").map((each) => each.name),
    overflow: document.documentElement.scrollWidth - innerWidth,
    plots: plots.length,
    drawn: plots.filter((plot) => plot.querySelector(".main-svg")).length,
    clipped: texts.filter(escapes).map((text) => text.textContent),
    page: getComputedStyle(document.body).backgroundColor,
    ink: [...new Set(texts.map((text) => getComputedStyle(text).fill))],
  }), "*");
};
setTimeout(look, 3000, 40);
</script>"""
# A window cannot be as narrow as a telephone, a frame can.
AROUND = """<!DOCTYPE html><title>nothing</title>
<script>addEventListener("message", (event) => { document.title = event.data; });</script>
<iframe src="page.html" style="border: 0; width: WIDTHpx; height: 11000px"></iframe>"""


def looked_at(made: Explained, folder: Path, width: int, *flags: str) -> dict[str, Any]:
    """What a browser says of a page."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chrome or Chromium on this machine, in which the page is looked at")
    (folder / "page.html").write_text(page(made).replace("<head>", f"<head>{PROBE}", 1))
    (folder / "around.html").write_text(AROUND.replace("WIDTH", str(width)))
    own = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'browser'}", *flags]
    view = ["--window-size=1700,11000", "--virtual-time-budget=40000", "--dump-dom", f"file://{folder}/around.html"]
    process = subprocess.run([browser, *own, *view], capture_output=True, text=True, timeout=120)
    title = re.search("<title>(.*?)</title>", process.stdout, re.DOTALL)
    assert title is not None, process.stderr
    return dict(json.loads(html.unescape(title.group(1))))


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1000, 1600])
def test_a_browser_draws_it_at_every_width(tmp_path: Path, width: int) -> None:
    made = explained(layers=2, heads=3, name=UGLY, kind=UGLY, sentence=UGLY)._replace(title=UGLY, said=[UGLY])
    found = looked_at(made, tmp_path, width)
    assert found["failed"] == found["loaded"] == found["clipped"] == []
    assert found["overflow"] <= 0
    assert found["drawn"] == found["plots"] == 2 * (3 * 4 + 2)
    assert found["page"] == "rgb(255, 255, 255)"


@pytest.mark.browser
def test_a_dark_page_has_bright_text(tmp_path: Path) -> None:
    found = looked_at(explained(), tmp_path, 1000, "--force-dark-mode")
    assert found["page"] == "rgb(20, 23, 27)"
    assert found["ink"] == ["rgb(228, 231, 235)"]
