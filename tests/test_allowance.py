"""What a process may use, by control groups of either version, as systems lay them out."""

from pathlib import Path

import pytest

from itnas import allowance


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(allowance, "ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(allowance, "OWN", tmp_path / "own")
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: set(range(8)))
    (tmp_path / "cgroup").mkdir()
    return tmp_path


def laid_out(system: Path, own: str, files: dict[str, str]) -> None:
    (system / "own").write_text(own)
    for name, content in files.items():
        (system / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (system / "cgroup" / name).write_text(content)


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/\n", {}, 8),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "3200000 100000\n"}, 8),
        # A group within another has no more than that.
        ("0::/jobs/one\n", {"jobs/one/cpu.max": "400000 100000\n", "jobs/cpu.max": "300000 100000\n"}, 3),
        # The path is the host's: only the root can be seen.
        ("0::/kubepods/pod\n", {"cpu.max": "400000 100000\n"}, 4),
        ("4:cpu,cpuacct:/a\n1:name=systemd:/\n", {"cpu,cpuacct/a/cpu.cfs_quota_us": "150000\n",
                                                  "cpu,cpuacct/a/cpu.cfs_period_us": "50000\n"}, 3),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ("nonsense\n\n0:\n", {"cpu.max": "\n"}, 8),
        ("0::/\n", {"cpu.max": "100000 0\n"}, 8),
    ],
)  # fmt: skip
def test_cores(system: Path, own: str, files: dict[str, str], cores: int) -> None:
    laid_out(system, own, files)
    assert allowance.usable_cores() == cores


@pytest.mark.parametrize(
    ("own", "files", "free"),
    [
        ("0::/\n", {}, None),
        ("0::/\n", {"memory.max": "max\n", "memory.current": "5\n"}, None),
        ("0::/\n", {"memory.max": "1000\n", "memory.current": "400\n"}, 600.0),
        ("0::/\n", {"memory.max": "1000\n", "memory.current": "1400\n"}, 0.0),
        ("0::/\n", {"memory.max": "1000\n", "memory.current": "900\n",
                    "memory.stat": "anon 300\ninactive_file 500\n"}, 600.0),
        ("4:memory:/deep/own\n0::/\n", {"memory/deep/own/memory.limit_in_bytes": "700\n",
                                       "memory/deep/own/memory.usage_in_bytes": "100\n",
                                       "memory/memory.limit_in_bytes": "9223372036854771712\n",
                                       "memory/memory.usage_in_bytes": "100\n"}, 600.0),
        ("4:cpu:/x\n", {"cpu/x/memory.max": "1\n", "cpu/x/memory.current": "0\n"}, None),
    ],
)  # fmt: skip
def test_memory(system: Path, own: str, files: dict[str, str], free: float | None) -> None:
    laid_out(system, own, files)
    assert allowance.free_in_groups() == free


def test_without_control_groups(system: Path) -> None:
    assert allowance.usable_cores() == 8
    assert allowance.free_in_groups() is None


def test_this_machine_has_cores() -> None:
    assert allowance.usable_cores() >= 1
