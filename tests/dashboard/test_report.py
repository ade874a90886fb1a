"""A run as one file: whole, small enough, and without a thing that could run or be fetched."""

import re
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs

from itnas.dashboard.markup import elements
from itnas.dashboard.report import MOST_BYTES, report
from itnas.dashboard.view import RunView
from tests.dashboard.runs import ODD, SCRIPT
from tests.started import itnas


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def _run(folders: Path, name: str) -> Path:
    folder = folders / name
    if not folder.exists():
        folder.mkdir()
        ODD[name](folder)
    return folder


@pytest.mark.parametrize("name", list(ODD))
def test_every_run_makes_a_report(folders: Path, name: str) -> None:
    page = report(RunView(name, _run(folders, name)))
    assert len(page.encode()) <= MOST_BYTES
    # Our own scripts, and data: what a name holds is none of them.
    page = page.replace(get_plotlyjs(), "")
    opened = re.findall(r"<script([^>]*)>", page)
    assert set(opened) == {"", ' type="application/json"'}
    assert opened.count("") == 2
    assert SCRIPT not in page
    assert "<img src=x" not in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_links_lead_to_places_in_the_file(folders: Path) -> None:
    page = report(RunView("ordinary", _run(folders, "ordinary"))).replace(get_plotlyjs(), "")
    places = set(re.findall(r'<main id="([^"]+)"', page))
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert {"findings", "overview", "search-0"} <= places
    assert links
    assert links <= places


def test_what_would_be_too_much_is_left_out_and_said(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import itnas.dashboard.report as module

    whole = len(report(RunView("ordinary", _run(folders, "ordinary"))).encode())
    monkeypatch.setattr(module, "MOST_BYTES", whole - 50_000)
    page = report(RunView("ordinary", _run(folders, "ordinary")))
    assert len(page.encode()) < whole
    assert "Left out, to keep this file small" in page
    assert 'id="findings"' in page


def test_the_command_writes_it_whole(folders: Path, tmp_path: Path) -> None:
    run = _run(folders, "ordinary")
    done = itnas("report", run, "--out", tmp_path / "page.html")
    assert (done.returncode, done.stderr) == (0, "")
    assert "MB" in done.stdout
    assert (tmp_path / "page.html").read_text().endswith("</html>\n")
    assert itnas("report", run).returncode == 0
    assert (run / "report.html").is_file()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--out", "page.pdf"), "must end in .html"),
        (("--out", "page.html", "--figures", "figures"), "give one of them"),
        (("--out", "."), "must end in .html"),
    ],
)
def test_bad_options_end_in_one_sentence(folders: Path, options: tuple[str, ...], told: str) -> None:
    done = itnas("report", _run(folders, "one_trial"), *options)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    done = itnas("report", tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "holds no run" in done.stderr


def test_only_parts_of_pages_are_written() -> None:
    with pytest.raises(TypeError, match="no part of a page"):
        elements(object(), lambda _: None)
