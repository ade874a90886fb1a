"""The package as users meet it: a light import, a wheel that works elsewhere."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import itnas
from tests.public_api import FROZEN, public_api

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Used where they are there, and told of where they are not.
OFFERED = {"triton"}


def python(code: str, **options: object) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_import_loads_nothing_heavy() -> None:
    loaded = python("import itnas, sys; print(*sys.modules)").split()
    assert not {"torch", "numba", "numpy", "ray", "dash", "pandas", "plotly"} & set(loaded)


def test_looking_at_a_run_needs_no_torch() -> None:
    loaded = python("import itnas, sys; itnas.Run, itnas.Space; print(*sys.modules)").split()
    assert not {"torch", "numba", "ray", "optuna"} & set(loaded)


def test_every_public_name_can_be_had() -> None:
    assert set(itnas.__all__) <= set(dir(itnas))
    for name in itnas.__all__:
        assert getattr(itnas, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'IntegralTransfrom'"):
        _ = itnas.IntegralTransfrom


def test_every_public_name_has_its_home() -> None:
    """A name without one would be looked for nowhere."""
    assert {*itnas._HOME, *itnas._PACKAGES, "__version__"} == set(itnas.__all__)


def test_the_public_interface_changes_only_on_purpose() -> None:
    assert public_api() == FROZEN.read_text(), "if it was meant to change: python -m tests.public_api"


def test_what_is_imported_is_declared() -> None:
    """A package that comes along with another one may one day not."""
    declared = {
        re.split(r"[\[><=; ]", line)[0].lower().replace("-", "_")
        for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dashboard"],
                     *PROJECT["optional-dependencies"]["export"], *PROJECT["optional-dependencies"]["plot"]]
    }  # fmt: skip
    names = {"yaml": "pyyaml", "sklearn": "scikit_learn", "PIL": "pillow"}
    found = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for path in (ROOT / "itnas").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom)) and getattr(node, "level", 0) == 0
        for alias in node.names
    }
    outside = found - set(sys.stdlib_module_names) - {"itnas", "benchmarks"}
    assert {names.get(name, name.lower()) for name in outside} - declared - OFFERED == set()


def test_a_layer_runs_without_the_compilers() -> None:
    """A small dense layer needs neither numba nor Triton to be imported."""
    code = (
        "import itnas, torch, sys; layer = itnas.IntegralTransform(4, plan='dense'); layer(torch.randn(1, 3, 4));"
        "print('numba' in sys.modules, 'triton' in sys.modules)"
    )
    assert python(code).split() == ["False", "False"]


@pytest.mark.slow
def test_the_wheel_works_outside_the_repository(tmp_path: Path) -> None:
    """Built, unpacked into an empty folder and run from there: the layer, the command line, the benchmark's module."""
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("itnas-*.whl")
    unpacked = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(unpacked)
    assert (unpacked / "itnas" / "py.typed").is_file()
    assert (unpacked / "itnas" / "benchmarks" / "operator.py").is_file()
    assert (unpacked / "itnas" / "search_spaces" / "emergence.yaml").is_file()
    code = f"import sys; sys.path.insert(0, {str(unpacked)!r}); import itnas; "
    use = "import torch; itnas.IntegralTransform(4)(torch.randn(1, 40, 4)); print(itnas.__file__)"
    where = python(code + use, cwd=tmp_path)
    assert where.strip().startswith(str(unpacked))
    arguments = "itnas bench operator --only crossover --quick --json"
    shown = python(f"{code}from itnas.cli import main; sys.argv = {arguments!r}.split(); main()", cwd=tmp_path)
    assert '"auto / fastest"' in shown
    spaces = "from itnas.space import Space, shipped; print(len([Space.load(name) for name in shipped()]))"
    assert int(python(code + spaces, cwd=tmp_path)) == len(list((ROOT / "search_spaces").glob("*.yaml")))


def test_versions_agree() -> None:
    """Those of the package, its distribution, the citation and the README."""
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    shown = re.search(r"version = \{(\S+)\}", (ROOT / "README.md").read_text())
    assert cited is not None
    assert shown is not None
    assert {itnas.__version__, PROJECT["version"], cited[1], shown[1]} == {itnas.__version__}
