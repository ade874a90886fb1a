"""The dashboard in a real browser: how soon there is something to look at, beside optuna-dashboard on the same trials.

`python -m benchmarks.dashboard SECTION ...` runs sections and renews them in `benchmarks/results/dashboard.json`. Each
visit starts a browser of its own, with nothing in its caches; the two dashboards take turns.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from .planted_run import plant
from .sections import Section, command, run_sections

RESULTS = Path(__file__).parent / "results" / "dashboard.json"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# What is waited for: rows of the grid with something in them, and points of the first figure. Its sketch shows the
# points before plotly is there; the figure that answers to the mouse is timed as well.
ROWS = """() => [...document.querySelectorAll('.ag-center-cols-container .ag-row .ag-cell-value')]
    .filter((cell) => cell.textContent).length > 10"""
SKETCHED = (
    f"{ROWS} && [...document.querySelectorAll('.sketch[src]')].some((each) => each.complete && each.naturalWidth)"
)
OURS = f"{ROWS} && document.querySelectorAll('.scatterlayer .point').length > 100"
# Its page of a study shows figures and no rows: its points alone are waited for.
PEER = """() => document.querySelectorAll('.scatterlayer .point').length > 100
    || [...document.querySelectorAll('.gl-canvas')].some((each) => each.width > 0)"""


class Server(NamedTuple):
    address: str
    pid: int

    @contextmanager
    def held(self) -> Iterator[None]:
        """Stopped while another is measured: what it goes on to work out after a visit is not the other's concern."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


@contextmanager
def served(command: list[str], port: int) -> Iterator[Server]:
    """A server, once it answers."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        base = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{base}/", timeout=30).read()
                break
            except OSError:
                time.sleep(0.1)
        yield Server(base, process.pid)
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def ours(run: Path, port: int) -> list[str]:
    return [str(Path(sys.executable).with_name("itnas")), "dashboard", str(run), "--port", str(port)]


@contextmanager
def browser() -> Iterator[Any]:
    """A browser that has seen nothing yet."""
    from playwright.sync_api import sync_playwright

    found = next(path for name in BROWSERS if (path := shutil.which(name)))
    with sync_playwright() as tool:
        started = tool.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield started.new_context(viewport={"width": 1280, "height": 900}).new_page()
        finally:
            started.close()


def visit(address: str, *until: str) -> tuple[float, ...]:
    """Seconds from asking for the page to each of what is waited for."""
    taken = []
    with browser() as page:
        page.goto("about:blank")
        begun = time.perf_counter()
        page.goto(address, wait_until="commit")
        for each in until:
            page.wait_for_function(each, timeout=180_000, polling=20)
            taken.append(time.perf_counter() - begun)
    return tuple(taken)


def paint(quick: bool) -> list[dict[str, Any]]:
    """First useful paint of 10,000 trials, browser cold."""
    trials, visits = (500, 1) if quick else (10_000, 3)
    with tempfile.TemporaryDirectory() as folder:
        run, study = plant(Path(folder) / "run", trials), Path(folder) / "study.db"
        command = [str(Path(sys.executable).with_name("itnas")), "export", str(run), "--format", "optuna"]
        subprocess.run([*command, "--out", str(study)], check=True, capture_output=True)
        port, other = free_port(), free_port()
        peer = [str(Path(sys.executable).with_name("optuna-dashboard")), f"sqlite:///{study}", "--port", str(other)]
        with served(ours(run, port), port) as own, served(peer, other) as theirs:
            visit(f"{theirs.address}/dashboard/studies/1", PEER)  # its first answer reads the storage
            taken: dict[str, list[float]] = {
                name: [] for name in ("itnas", "itnas, figure by plotly", "optuna-dashboard")
            }
            for _ in range(visits):
                with theirs.held():
                    seen, drawn = visit(f"{own.address}/trials", SKETCHED, OURS)
                    taken["itnas"].append(seen)
                    taken["itnas, figure by plotly"].append(drawn)
                with own.held():
                    taken["optuna-dashboard"] += visit(f"{theirs.address}/dashboard/studies/1", PEER)
    medians = {name: statistics.median(each) for name, each in taken.items()}
    return [
        {
            "what": name,
            "trials": trials,
            "seconds": median,
            "least": min(taken[name]),
            "most": max(taken[name]),
            "optuna-dashboard / this": medians["optuna-dashboard"] / median,
        }
        for name, median in medians.items()
    ]


def large(quick: bool) -> list[dict[str, Any]]:
    """First useful paint of 100,000 trials, and of every page."""
    trials = 2_000 if quick else 100_000
    rows = []
    points = "() => document.querySelectorAll('.js-plotly-plot .plot-container, .card p').length > 0"
    with tempfile.TemporaryDirectory() as folder:
        run, port = plant(Path(folder) / "run", trials), free_port()
        with served(ours(run, port), port) as own:
            for page, until in (("trials", OURS), ("", points), ("search", points), ("findings", points)):
                taken = [visit(f"{own.address}/{page}", until)[0] for _ in range(1 if quick else 3)]
                rows.append({"page": page or "overview", "trials": trials, "seconds": statistics.median(taken)})
    return rows


def polls(quick: bool) -> list[dict[str, Any]]:
    """What the question "is there anything new?" takes, when there is not."""
    trials, asked = (500, 20) if quick else (10_000, 200)
    with tempfile.TemporaryDirectory() as folder:
        run, port = plant(Path(folder) / "run", trials), free_port()
        with served(ours(run, port), port) as own:
            body = json.dumps(_look()).encode()
            taken = []
            for _ in range(asked):
                request = urllib.request.Request(
                    f"{own.address}/_dash-update-component", body, {"Content-Type": "application/json"}
                )
                begun = time.perf_counter()
                urllib.request.urlopen(request, timeout=10).read()
                taken.append(1e3 * (time.perf_counter() - begun))
    return [{"trials": trials, "ms": statistics.median(taken), "most ms": max(taken)}]


def _look() -> dict[str, Any]:
    """As the page asks."""
    state = [{"id": "version", "property": "data", "value": 1}, {"id": "choices", "property": "data", "value": {}}]
    outputs = [{"id": "version", "property": "data"}, {"id": "live", "property": "children"}]
    return {
        "output": "..version.data...live.children..",
        "outputs": outputs,
        "inputs": [{"id": "tick", "property": "n_intervals", "value": 1}],
        "state": state,
        "changedPropIds": ["tick.n_intervals"],
    }


def interactions(quick: bool) -> list[dict[str, Any]]:
    """From a click to what it does, 10,000 trials."""
    trials = 500 if quick else 10_000
    first = "() => document.querySelector('.ag-pinned-left-cols-container [row-index=\"0\"]')?.textContent"
    with tempfile.TemporaryDirectory() as folder:
        run, port = plant(Path(folder) / "run", trials), free_port()
        with served(ours(run, port), port) as own, browser() as page:
            page.goto(f"{own.address}/trials")
            page.wait_for_function(OURS)
            page.wait_for_timeout(1_000)
            rows = [_sorted(page, first), _ticked(page), _filtered(page)]
            page.goto(f"{own.address}/search")
            page.wait_for_function("() => document.querySelectorAll('.scatterlayer .point').length > 100")
            page.wait_for_timeout(2_000)
            rows.append(_boxed(page))
    return rows


def _timed(page: Any, what: str, act: Any, until: str, *given: Any) -> dict[str, Any]:
    begun = time.perf_counter()
    act()
    page.wait_for_function(until, arg=given[0] if given else None, polling=10)
    return {"what": what, "ms": 1e3 * (time.perf_counter() - begun)}


def _sorted(page: Any, first: str) -> dict[str, Any]:
    header = page.locator(".ag-header-cell[col-id='score'] .ag-header-cell-label").first
    before = page.evaluate(first)
    header.click()
    page.wait_for_timeout(800)
    before = page.evaluate(first)
    return _timed(page, "sort by score", header.click, f"(before) => ({first})() !== before && ({first})()", before)


def _ticked(page: Any) -> dict[str, Any]:
    box = page.locator(".ag-row .ag-selection-checkbox input, .ag-row .ag-checkbox-input").first
    marked = "() => document.querySelectorAll('.js-plotly-plot')[0].data.at(-1).x.length > 0"
    return _timed(page, "tick a row: marked in the figure", box.click, marked)


def _filtered(page: Any) -> dict[str, Any]:
    field = page.locator(".ag-floating-filter[aria-colindex] input").nth(2)
    counted = "(before) => document.getElementById('counted').textContent !== before"
    before = page.locator("#counted").inner_text()
    # The grid itself waits for 500 ms of silence before it asks; Enter asks at once.
    return _timed(page, "filter by state", lambda: (field.fill("pruned"), field.press("Enter")), counted, before)


def _boxed(page: Any) -> dict[str, Any]:
    plot = page.locator(".js-plotly-plot").nth(1)
    plot.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = plot.locator(".nsewdrag").first.bounding_box()
    x, y = box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] * 0.3, y + box["height"] * 0.4, steps=4)
    marked = "() => document.querySelectorAll('.js-plotly-plot')[1].data.at(-1).x.length > 0"
    return _timed(page, "select some hundred points: marked", page.mouse.up, marked)


def sizes(quick: bool) -> list[dict[str, Any]]:
    """Every figure as it is sent, and what it takes to make."""
    from itnas.dashboard.choices import Choices
    from itnas.dashboard.panels import PANELS
    from itnas.dashboard.view import RunView

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for trials in (500,) if quick else (10_000, 100_000):
            view = RunView("planted", plant(Path(folder) / str(trials), trials))
            for name in PANELS:
                begun = time.perf_counter()
                figure = PANELS[name].drawn(view, Choices()).figure
                made = time.perf_counter()
                size = len(figure.to_json())
                if figure.data:
                    rows.append({"figure": name, "trials": trials, "kB": size / 1e3, "ms": 1e3 * (made - begun)})
    return rows


SECTIONS: dict[str, Section] = {
    "paint": paint,
    "large": large,
    "polls": polls,
    "interactions": interactions,
    "sizes": sizes,
}


def measure(*, only: list[str] | None = None, quick: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Run the sections and return {section: rows}."""
    return run_sections(SECTIONS, only=only, quick=quick, quiet=quiet)


if __name__ == "__main__":
    command(SECTIONS, RESULTS, "Measure the dashboard in a browser, beside optuna-dashboard.")
