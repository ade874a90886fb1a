"""What is selected in one place is marked in all others, and can be taken along."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.dashboard.browsing import Site, Tab, planted, tab

pytestmark = pytest.mark.browser
MARKED = "plot.data.find((each) => each.meta === 'selected').x.length"


def ticked(found: Tab) -> Locator:
    return found.page.locator("#grid .ag-center-cols-container .ag-row-selected")


def drag(found: Tab, name: str) -> None:
    """A box over the whole figure."""
    box = found.page.locator(f'.dash-graph[id*=\'"name":"{name}"\'] .nsewdrag').first.bounding_box()
    assert box is not None
    found.page.mouse.move(box["x"] + 2, box["y"] + 2)
    found.page.mouse.down()
    for x, y in ((0.99, 0.01), (0.99, 0.99), (0.01, 0.99)):
        found.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
    found.page.mouse.up()


def tick(found: Tab, *rows: int) -> None:
    for row in rows:
        found.page.locator(f'#grid .ag-row[row-index="{row}"] .ag-checkbox-input').check()


def test_a_box_in_a_figure_ticks_rows(opened: Tab) -> None:
    page = opened.open("trials")
    complete = opened.plot("scores", "plot.data.filter((t) => t.meta === 'trials').flatMap((t) => t.customdata).length")
    drag(opened, "scores")
    opened.wait_plot("scores", f"{MARKED} === {complete}")
    page.wait_for_function("document.querySelectorAll('.ag-center-cols-container .ag-row-selected').length > 5")
    states = ticked(opened).locator("[col-id=state]").all_inner_texts()
    assert set(states) == {"complete"}
    opened.choose("only", "what is selected")
    expect(page.locator("#counted")).to_have_text(f"{complete} of 30 trials")
    page.locator("#unselect").click()
    opened.wait_plot("scores", f"{MARKED} === 0")
    expect(ticked(opened)).to_have_count(0)


def test_a_ticked_row_is_marked_in_the_figures_of_other_pages(opened: Tab) -> None:
    opened.open("trials")
    tick(opened, 2, 5)
    opened.wait_plot("scores", f"{MARKED} === 2")
    opened.visit("search")
    for name in ("scores", "pareto"):
        opened.wait_plot(name, f"{MARKED} >= 2")
    opened.visit("trials")
    expect(ticked(opened)).to_have_count(2)


def test_a_lasso_in_one_figure_marks_points_in_the_others(opened: Tab) -> None:
    page = opened.open("search")
    page.locator('.dash-graph[id*=\'"name":"pareto"\']').scroll_into_view_if_needed()
    drag(opened, "pareto")
    opened.wait_plot("scores", f"{MARKED} > 5")
    opened.visit("trials")
    expect(ticked(opened)).not_to_have_count(0)


def test_a_click_on_a_point_selects_its_trial_and_another_lets_it_go(opened: Tab) -> None:
    page = opened.open("trials")
    point = page.locator(".dash-graph .scatterlayer .points path").first
    for count in (1, 0):
        box = point.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(ticked(opened)).to_have_count(count)
        page.wait_for_timeout(400)  # two clicks in a row are a double click, which lets everything go


def test_the_download_has_what_is_selected(opened: Tab, tmp_path: Path) -> None:
    page = opened.open("trials")
    tick(opened, 1, 3, 4)
    opened.wait_plot("scores", f"{MARKED} === 3")
    with page.expect_download() as told:
        page.locator("#csv").click()
    told.value.save_as(tmp_path / "trials.csv")
    with (tmp_path / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == ["1", "3", "4"]
    assert rows[0]["name"] == "gru"


def test_cells_of_a_download_are_no_formulas(context: BrowserContext, tmp_path: Path) -> None:
    with Site(planted(tmp_path, "hostile")) as site, tab(context, site) as found:
        page = found.open("trials")
        with page.expect_download() as told:
            page.locator("#csv").click()
        told.value.save_as(tmp_path / "trials.csv")
        found.check()
    with (tmp_path / "trials.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert '\'=HYPERLINK("x")' in cells
    assert [cell for cell in cells if cell.startswith(("=", "+", "@"))] == []


def test_what_is_selected_can_be_compared(opened: Tab) -> None:
    page = opened.open("trials")
    tick(opened, 1, 3)
    opened.wait_plot("scores", f"{MARKED} === 2")
    page.locator("#compare").click()
    opened.arrived("compare")
    assert opened.chosen()["compare"] == "1,3"
    heads = page.locator("main table").first.locator("thead th").all_inner_texts()
    assert heads == ["", "trial 1", "trial 3"]


def test_a_selection_ends_with_its_task(opened: Tab, tmp_path: Path) -> None:
    page = opened.open("trials", "task=recall")
    for key in "jjxjx":
        page.keyboard.press(key)
    expect(ticked(opened)).to_have_count(2)
    opened.wait_plot("scores", f"{MARKED} > 0")
    opened.choose("task", "flip-flop")
    page.wait_for_function("location.search.includes('flip-flop')")
    opened.arrived("trials")
    with page.expect_download() as told:
        page.locator("#csv").click()
    told.value.save_as(tmp_path / "trials.csv")
    with (tmp_path / "trials.csv").open(newline="") as file:
        assert {row["task"] for row in csv.DictReader(file)} == {"flip-flop"}
    page.locator("#compare").click()  # nothing is selected
    assert opened.page.url.count("compare") == 0
    opened.choose("task", "recall")
    page.wait_for_function("location.search.includes('recall')")
    opened.arrived("trials")
    expect(ticked(opened)).to_have_count(0)


def test_a_selection_ends_with_its_run(context: BrowserContext, tmp_path: Path) -> None:
    with Site(planted(tmp_path, "ordinary", "two_objectives")) as site, tab(context, site) as found:
        page = found.open("trials", "run=ordinary")
        tick(found, 3)
        found.wait_plot("scores", f"{MARKED} === 1")
        found.choose("run", "two_objectives")
        expect(page.locator("#counted")).to_have_text("20 of 20 trials")
        expect(ticked(found)).to_have_count(0)
        page.go_back()
        expect(page.locator("#counted")).to_have_text("30 of 30 trials")
        expect(ticked(found)).to_have_count(0)
        found.check()
