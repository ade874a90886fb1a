"""The documentation holds: its code runs, its links lead somewhere, and it leaves no plan, folder or target out."""

import re
from pathlib import Path

import pytest

from benchmarks import tables
from itnas.behaviour.replacements import FAMILIES
from itnas.kernel_kinds import KERNELS
from itnas.operator.plans import PLANS
from itnas.search.samplers import SAMPLERS

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_python_in_the_documentation_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page's blocks run one after another in one namespace, as a reader would type them."""
    # What a page registers is gone after it.
    for registry in (FAMILIES, KERNELS, PLANS, SAMPLERS):
        monkeypatch.setattr(registry, "_own", dict(registry.items()))
    names: dict[str, object] = {}
    for block in BLOCK.findall(page.read_text()):
        exec(compile(block, page.name, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", prose):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_plan_is_documented() -> None:
    text = (ROOT / "docs" / "plans.md").read_text()
    for name in PLANS:
        assert f"`{name}`" in text, f"docs/plans.md does not mention the plan {name}"


def test_the_readme_names_every_module_of_the_tree() -> None:
    text = (ROOT / "README.md").read_text()
    for folder in (ROOT / "itnas").iterdir():
        if folder.is_dir() and (folder / "__init__.py").is_file():
            assert f"{folder.name}/" in text, f"README.md does not mention itnas/{folder.name}"


def test_measured_tables_are_those_of_the_committed_results() -> None:
    measured = tables.measured()
    for page in tables.PAGES:
        assert page.read_text() == tables.filled(page.read_text(), measured), "run `python -m benchmarks.tables`"


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert targets
    for target in targets.group(1).split():
        assert re.search(rf"^{target}:.*## \w", makefile, re.MULTILINE), f"make {target} has no help text"
