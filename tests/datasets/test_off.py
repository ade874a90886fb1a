"""Meshes as files, and points drawn from surfaces whose areas are known."""

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from itnas.datasets.off import Mesh, read_mesh, sample, unit_sphere

CUBE = """8 6 0
-0.5 -0.5 0.5
0.5 -0.5 0.5
-0.5 0.5 0.5
0.5 0.5 0.5
-0.5 0.5 -0.5
0.5 0.5 -0.5
-0.5 -0.5 -0.5
0.5 -0.5 -0.5
4 0 1 3 2
4 2 3 5 4
4 4 5 7 6
4 6 7 1 0
4 1 7 5 3
4 6 0 2 4
"""
TRIANGLE = "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"

ONE_FOLDER = [HealthCheck.function_scoped_fixture]


def _written(folder: Path, content: str | bytes) -> Path:
    path = folder / "chair_0001.off"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        "OFF\n" + CUBE,
        "OFF" + CUBE,
        "OFF " + CUBE,
        ("OFF\n" + CUBE).replace("\n", "\r\n"),
        ("OFF\n" + CUBE).replace("\n", "\r"),
        "# a cube\n\nOFF # as in the documentation\n\n" + CUBE.replace("\n", " # so\n\n"),
        "OFF\n" + CUBE.replace("8 6 0", "8 6"),
        "OFF\n" + CUBE.replace("4 6 7 1 0", "4 6 7 1 0 255 0 0").replace("4 4 5 7 6", "4  4 5 7 6  0 255 0 128"),
        "OFF\n8 6 0\n" + CUBE.removeprefix("8 6 0\n").replace("\n", " "),
        ("OFF\n" + CUBE).rstrip(),
    ],
    ids=["plain", "glued", "space", "crlf", "cr", "comments", "no edges", "colours", "one line", "no end"],
)
def test_every_way_to_write_a_cube_is_the_same_cube(tmp_path: Path, content: str) -> None:
    mesh = read_mesh(_written(tmp_path, content))
    assert mesh.vertices.shape == (8, 3)
    assert mesh.vertices.dtype == np.float64
    assert mesh.faces.dtype == np.int64
    assert mesh.faces[:4].tolist() == [[0, 1, 3], [0, 3, 2], [2, 3, 5], [2, 5, 4]]
    assert len(mesh.faces) == 12
    points, normals = sample(mesh, 500, np.random.default_rng(0))
    assert np.allclose((points * normals).sum(axis=1), 0.5)  # each side's normal points out, at half a unit


def test_polygons_become_fans_and_what_has_no_area_is_kept_but_not_drawn(tmp_path: Path) -> None:
    text = "OFF\n6 4 0\n0 0 0\n1 0 0\n2 1 0\n1 2 0\n0 2 0\n0 0 0\n5 0 1 2 3 4\n2 0 1\n1 0\n3 0 5 1\n"
    mesh = read_mesh(_written(tmp_path, text))
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 5, 1]]
    points, normals = sample(mesh, 1000, np.random.default_rng(1))
    assert np.isfinite(points).all()
    assert np.allclose(normals, [0, 0, 1])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not with OFF"),
        ("ply\n", "not with OFF"),
        ("COFF\n3 1 0\n", "not with OFF"),
        ("OFF BINARY\n3 1 0\n", "do not follow OFF"),
        ("OFF\n3\n1\n0\n", "do not follow OFF"),
        ("OFF\n-3 1 0\n", "do not follow OFF"),
        (TRIANGLE.replace("3 1 0", "4 1 0"), "face 0 of 1 is cut off"),
        (TRIANGLE.replace("3 1 0", "3 2 0"), "face 1 of 2 is cut off"),
        (TRIANGLE.replace("3 1 0", "2 1 0"), "end after"),
        (TRIANGLE.replace("3 1 0", "999999999999999999 1 0"), "more than 27 bytes can hold"),
        (TRIANGLE.replace("3 1 0", "3 999999999999 0"), "more than 27 bytes can hold"),
        (TRIANGLE.replace("3 0 1 2", "3 0 1 3"), "not one of 0 to 2"),
        (TRIANGLE.replace("3 0 1 2", "3 0 1 -1"), "not one of 0 to 2"),
        (TRIANGLE.replace("3 0 1 2", "3 0 1 1.5"), "not one of 0 to 2"),
        (TRIANGLE.replace("3 0 1 2", "4 0 1 2"), "face 0 says 4 corners and has 3 numbers"),
        (TRIANGLE.replace("3 0 1 2", "-1 0 1 2"), "corners"),
        (TRIANGLE.replace("0 1 0", "0 x 0"), "not a number"),
        (TRIANGLE.replace("0 1 0", "0 nan 0"), "not a number"),
        (TRIANGLE.replace("0 1 0", "0 1e999 0"), "too large"),
        (TRIANGLE.replace("0 1 0", "0 1_0 0"), "not a number"),
        (TRIANGLE.replace("0 1 0", "2 0 0"), "no area"),
        ("OFF\n0 0 0\n", "no area"),
        (b"OFF\n\xff\xfe\x00", "do not follow OFF"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_with_the_name(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        read_mesh(_written(tmp_path, content))
    assert "chair_0001.off" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_or_a_folder_is_said_too(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.off"):
        with pytest.raises(ValueError, match="cannot be read"):
            read_mesh(path)


@settings(suppress_health_check=ONE_FOLDER)
@given(data=st.data())
def test_meshes_are_read_as_they_were_written(tmp_path: Path, data: st.DataObject) -> None:
    number = st.floats(-1e6, 1e6, allow_subnormal=False)
    vertices = [[0.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0], *data.draw(st.lists(st.tuples(number, number, number)))]
    index = st.integers(0, len(vertices) - 1)
    polygons = [[0, 1, 2], *data.draw(st.lists(st.lists(index, max_size=6)))]
    rows = [" ".join(map(repr, each)) for each in vertices] + [" ".join(map(str, [len(p), *p])) for p in polygons]
    end = data.draw(st.sampled_from(["\n", "\r\n", " ", "\n\n# sign\n"]))
    header = data.draw(st.sampled_from(["OFF", "OFF\n"])) + f"{len(vertices)} {len(polygons)} 0\n"
    mesh = read_mesh(_written(tmp_path, header + end.join(rows)))
    assert mesh.vertices.tolist() == [list(each) for each in vertices]
    assert mesh.faces.tolist() == [[p[0], p[k], p[k + 1]] for p in polygons for k in range(1, len(p) - 1)]


@settings(max_examples=300, suppress_health_check=ONE_FOLDER)
@given(cut=st.integers(0, 200), at=st.integers(0, 200), sign=st.binary(max_size=3), own=st.binary(max_size=40))
def test_spoiled_files_raise_nothing_but_value_errors(
    tmp_path: Path, cut: int, at: int, sign: bytes, own: bytes
) -> None:
    whole = ("OFF" + CUBE).encode()
    for content in (whole[:cut], whole[:at] + sign + whole[at + 1 :], b"OFF 3 1 0\n" + own, own):
        try:
            sample(read_mesh(_written(tmp_path, content)), 5, np.random.default_rng(0))
        except ValueError:
            continue


def test_triangles_are_drawn_in_proportion_to_their_areas() -> None:
    areas = np.array([1.0, 2.0, 0.0, 4.0, 0.5, 0.0])
    corners = [[[0, 0, 3 * k], [2 * area, 0, 3 * k], [0, 1, 3 * k]] for k, area in enumerate(areas)]
    mesh = Mesh(np.array(corners, dtype=float).reshape(-1, 3), np.arange(18).reshape(-1, 3))
    points, _ = sample(mesh, 20_000, np.random.default_rng(2))
    seen = np.bincount(np.rint(points[:, 2] / 3).astype(int), minlength=6)
    assert seen[areas == 0].sum() == 0
    solid = areas > 0
    assert stats.chisquare(seen[solid], 20_000 * areas[solid] / areas.sum()).pvalue > 0.01


def test_points_are_uniform_on_their_triangle_and_normals_are_its_own() -> None:
    rng = np.random.default_rng(3)
    corners = rng.normal(size=(3, 3)) * 1e-8 + 5.0  # tiny and far away
    mesh = Mesh(corners, np.array([[0, 1, 2]]))
    points, normals = sample(mesh, 20_000, rng)
    sides = (corners[1:] - corners[0]).T
    along, left, *_ = np.linalg.lstsq(sides / 1e-8, (points - corners[0]).T / 1e-8, rcond=None)
    assert (left < 1e-6).all()  # in the plane, but for the rounding of numbers near 5
    assert along.min() > -1e-6
    assert along.sum(axis=0).max() < 1 + 1e-6
    # Uniform barycentric weights: each is distributed as 1 - sqrt(u).
    for weight in (*along, 1 - along.sum(axis=0)):
        assert stats.kstest(weight, lambda x: 1 - (1 - np.clip(x, 0, 1)) ** 2).pvalue > 0.01
    across = np.cross(*((corners[1:] - corners[0]) * 1e8))
    assert np.allclose(normals, across / np.linalg.norm(across))


def test_the_same_generator_draws_the_same_points() -> None:
    mesh = Mesh(np.eye(3), np.array([[0, 1, 2]]))
    first, second = (sample(mesh, 7, np.random.default_rng(4))[0] for _ in range(2))
    assert (first == second).all()
    assert sample(mesh, 0, np.random.default_rng(4))[0].shape == (0, 3)
    with pytest.raises(ValueError, match="no area"):
        sample(Mesh(np.eye(3), np.array([[0, 1, 1]])), 1, np.random.default_rng(4))
    with pytest.raises(ValueError, match="no area"):
        sample(Mesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)), 1, np.random.default_rng(4))


def test_unit_sphere() -> None:
    moved = unit_sphere(np.random.default_rng(5).normal(size=(50, 3)) * 7 + 3)
    assert np.allclose(moved.mean(axis=0), 0)
    assert np.linalg.norm(moved, axis=1).max() == pytest.approx(1)
    assert (unit_sphere(np.ones((4, 3))) == 0).all()
    assert unit_sphere(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("corners", [3, 4])
def test_a_mesh_of_real_size_is_read_in_less_than_a_second(tmp_path: Path, corners: int) -> None:
    rng = np.random.default_rng(6)
    vertices, faces = rng.normal(size=(50_000, 3)), rng.integers(0, 50_000, (100_000, corners))
    rows = [" ".join(f"{number:.6f}" for number in each) for each in vertices.tolist()]
    rows += [" ".join(map(str, [corners, *each])) for each in faces.tolist()]
    path = _written(tmp_path, "OFF\n50000 100000 0\n" + "\n".join(rows))
    begin = time.process_time()
    mesh = read_mesh(path)
    assert time.process_time() - begin < 1
    assert len(mesh.faces) == 100_000 * (corners - 2)
