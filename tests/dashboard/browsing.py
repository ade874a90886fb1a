"""Pages in a real browser: who serves them, and what a page does that no page may do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, BrowserType, Locator, Page, Response

from itnas.dashboard.server import access_for, listen, open_views
from tests.dashboard.runs import ODD

HOST = "127.0.0.1"
# Every violation of the page's policy, wherever it happens.
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""
READY = """(name) => {
  const main = document.querySelector("main");
  if (!main?.classList.contains(`page-${name || "overview"}`) || !main.querySelector(".card")) return false;
  const plots = [...main.querySelectorAll(".dash-graph")];
  if (!plots.every((plot) => plot.querySelector(".main-svg"))) return false;
  return !document.getElementById("grid") || !!document.querySelector("#grid .ag-cell.link")?.textContent
    || /^0 of/.test(document.getElementById("counted")?.textContent ?? "");
}"""
# A figure of the page by its name, as plotly knows it.
PLOT = """(name) => [...document.querySelectorAll(".dash-graph")]
  .find((each) => each.id.includes(`"name":"${name}"`))?.querySelector(".js-plotly-plot")"""


class Site:
    """A dashboard of some runs that is served from a thread until it ends."""

    # Ports that are taken again: a browser keeps compiled scripts by their addresses.
    left: ClassVar[set[int]] = set()

    def __init__(self, folders: list[Path], port: int = 0) -> None:
        access = access_for(HOST, [])
        views = open_views(folders)
        try:
            self.server = listen(views, HOST, port or (self.left.pop() if self.left else 0), access)
        except ValueError:  # somebody else was quicker
            assert not port
            self.server = listen(views, HOST, 0, access)
        self.port = self.server.server_port
        self.left.discard(self.port)
        self.address = f"http://{HOST}:{self.port}/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
        self.left.add(self.port)


def planted(folder: Path, *names: str) -> list[Path]:
    """Runs of these kinds, each in a folder of that name."""
    for name in names:
        ODD[name](folder / name)
    return [folder / name for name in names]


class Tab:
    """One page that is open, and all that it did wrong so far."""

    def __init__(self, context: BrowserContext, site: Site) -> None:
        self.site, self.wrong = site, list[str]()
        self.page: Page = context.new_page()
        self.page.add_init_script(WATCH)
        self.page.on("console", lambda told: self._note(told.type == "error", f"console: {told.text}"))
        self.page.on("pageerror", lambda error: self._note(True, f"error: {error}"))
        self.page.on("request", lambda asked: self._note(not _near(asked.url), f"request: {asked.url}"))
        self.page.on("response", self._answered)
        self.page.on("dialog", self._dialog)

    def _note(self, is_wrong: bool, what: str) -> None:
        if is_wrong:
            self.wrong.append(what)

    def _answered(self, answer: Response) -> None:
        self._note(answer.status >= 400, f"answer: {answer.status} {answer.url}")

    def _dialog(self, dialog: Any) -> None:
        self._note(True, f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, page: str = "", query: str = "") -> Page:
        """Load a page anew, and wait until all of it is there."""
        self.page.goto(f"{self.site.address}{page}{query and '?' + query}")
        return self.arrived(page)

    def visit(self, page: str) -> Page:
        """Go there by the menu."""
        self.page.locator(f'header nav a[href^="/{page}?"], header nav a[href="/{page}"]').click()
        return self.arrived(page)

    def arrived(self, page: str) -> Page:
        self.page.wait_for_function(READY, arg=page, timeout=15_000)
        return self.page

    def check(self) -> None:
        """Nothing went wrong, no script of the run's ran, and the page says something."""
        found = self.page.evaluate(
            "[window.violations, String(window.hacked), document.querySelectorAll('main').length]"
        )
        assert found == [[], "undefined", 1], found
        assert self.wrong == [], self.wrong
        said = [text.strip() for text in self.page.locator("main .card").all_inner_texts()]
        assert any(said), "a blank page"
        assert not self.page.evaluate(
            'document.querySelectorAll(\'main img[src="x"], main [onerror], [href^="javascript" i]\').length'
        )

    def plot(self, name: str, of_plot: str) -> Any:
        """What an expression in `plot` says of a figure."""
        return self.page.evaluate(f"(name) => {{ const plot = ({PLOT})(name); return {of_plot}; }}", name)

    def wait_plot(self, name: str, of_plot: str, timeout: float = 5_000) -> None:
        """Until an expression in `plot` holds."""
        script = f"(name) => {{ const plot = ({PLOT})(name); return plot && ({of_plot}); }}"
        self.page.wait_for_function(script, arg=name, timeout=timeout)

    def choose(self, control: str, option: str) -> None:
        """One of the options of a list."""
        self.picker(control).click()
        self.page.locator(".dash-dropdown-option", has=self.page.get_by_text(option, exact=True)).click()

    def picker(self, control: str) -> Locator:
        return self.page.locator(f'button.dash-dropdown[id*=\'"name":"{control}"\']')

    def look_often(self, milliseconds: int = 200) -> None:
        """So that tests need not wait for the usual two seconds."""
        self.page.evaluate("(every) => dash_clientside.set_props('tick', { interval: every })", milliseconds)

    def chosen(self) -> dict[str, str]:
        """What the address says."""
        found: dict[str, str] = self.page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
        return found


def _near(url: str) -> bool:
    return urlsplit(url).scheme in ("data", "blob", "about") or urlsplit(url).hostname == HOST


def opened_in(chromium: BrowserType, program: str, folder: Path, **how: Any) -> BrowserContext:
    """A browser with nothing remembered, 1280 pixels wide where nothing else is said.

    It has a folder, as a user's has: without one it would compile all scripts again for every page.
    """
    usual = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}
    return chromium.launch_persistent_context(folder, executable_path=program, args=["--no-sandbox"], **(usual | how))


@contextmanager
def tab(context: BrowserContext, site: Site) -> Iterator[Tab]:
    found = Tab(context, site)
    try:
        yield found
    finally:
        found.page.close()
