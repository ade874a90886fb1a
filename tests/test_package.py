"""The package as users meet it: a light import, a wheel that works elsewhere."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import itnas

ROOT = Path(__file__).parent.parent


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
