"""Meshes in the Object File Format, as ModelNet40 has them, and points drawn from their surfaces.

A file is `OFF`, the counts of vertices, faces and edges, then x y z of each vertex, then each face as the number of its
corners and their indices, perhaps with a colour behind. Some files of ModelNet40 lack the line end after `OFF`.
Format: https://shape.cs.princeton.edu/benchmark/documentation/off_format.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

COMMENT = re.compile(rb"#[^\r\n]*")
HEADER = re.compile(rb"\s*OFF(?![A-Za-z])")
# The number of edges may be missing: nobody needs it.
COUNTS = re.compile(rb"\s*(\d{1,18})[ \t]+(\d{1,18})(?:[ \t]+\d{1,18})?[ \t]*(?=[\r\n]|$)")
COLOUR = 4  # numbers of red, green, blue, alpha
LARGEST = 1e30  # coordinate that means something, and whose square still is a number
FLAT = 1e-12  # height over length of a triangle that is a line but for rounding

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Mesh:
    """Triangles in space."""

    vertices: Numbers  # [V, 3]
    faces: Indices  # [F, 3]


def read_mesh(path: str | Path) -> Mesh:
    """The mesh in a file; polygons become fans of triangles around their first corner."""
    place = Path(path)
    try:
        content = place.read_bytes()
    except OSError as error:
        raise ValueError(f"{place} cannot be read ({error.strerror or error})") from error
    try:
        return _parsed(content)
    except ValueError as error:
        raise ValueError(f"{place} is no mesh that can be used: {error}") from error


def sample(mesh: Mesh, count: int, rng: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Points spread evenly over the surface, and the unit normals there: `[count, 3]` each.

    A triangle is drawn in proportion to its area, a point in it by folding the unit square along its diagonal.
    """
    normals, areas = _normals_and_areas(mesh)
    solid = np.flatnonzero(areas)
    if not solid.size:
        raise ValueError("the mesh has no area: nothing can be drawn from it")
    reached = np.cumsum(areas[solid])
    # The product may round up to the whole.
    drawn = np.searchsorted(reached, rng.random(count) * reached[-1], side="right")
    chosen = solid[np.minimum(drawn, solid.size - 1)]
    along = rng.random((count, 2))
    along = np.where(along.sum(axis=1, keepdims=True) > 1, 1 - along, along)
    corner, second, third = (mesh.vertices[mesh.faces[chosen, each]] for each in range(3))
    points = corner + along[:, :1] * (second - corner) + along[:, 1:] * (third - corner)
    return points, normals[chosen]


def unit_sphere(points: Numbers) -> Numbers:
    """Points moved so that their mean is the origin, and scaled so that the farthest has the norm 1."""
    if not len(points):
        return points
    centred = points - points.mean(axis=0)
    radius = np.linalg.norm(centred, axis=1).max()
    scaled: Numbers = centred / radius if radius > 0 else centred
    return scaled


def _normals_and_areas(mesh: Mesh) -> tuple[Numbers, Numbers]:
    """Unit normals `[F, 3]` and relative areas `[F]` of triangles; both are 0 for those that are lines or points."""
    if not len(mesh.faces):
        return np.zeros((0, 3)), np.zeros(0)
    # In units of the mesh, as the squares of tiny numbers vanish.
    extent = np.ptp(mesh.vertices, axis=0).max()
    corners = (mesh.vertices - mesh.vertices.min(axis=0))[mesh.faces] / (extent if extent > 0 else 1.0)  # [F, 3, 3]
    sides = np.roll(corners, -1, axis=1) - corners
    across = np.cross(sides[:, 0], sides[:, 1])
    doubled = np.linalg.norm(across, axis=1)
    solid = doubled > FLAT * (sides**2).sum(axis=2).max(axis=1)
    normals = np.where(solid[:, None], across / np.where(solid, doubled, 1.0)[:, None], 0.0)
    return normals, np.where(solid, doubled / 2, 0.0)


def _parsed(content: bytes) -> Mesh:
    if b"#" in content:
        content = COMMENT.sub(b"", content)
    header = HEADER.match(content)
    if header is None:
        raise ValueError(f"it begins with {content[:20]!r}, not with OFF")
    counts = COUNTS.match(content, header.end())
    if counts is None:
        raise ValueError("the numbers of vertices and faces do not follow OFF")
    vertices, faces = int(counts[1]), int(counts[2])
    body = content[counts.end() :]
    # The shortest vertex is `0 0 0`, the shortest face `0`, and a sign is between any two.
    if 6 * vertices + 2 * faces > len(body) + 1:
        raise ValueError(f"{vertices} vertices and {faces} faces are more than {len(body)} bytes can hold")
    numbers = _numbers(body)
    if len(numbers) < 3 * vertices + faces:
        raise ValueError(f"{len(numbers)} numbers are too few for {vertices} vertices and {faces} faces")
    starts = _starts(numbers, body, vertices, faces)
    mesh = Mesh(numbers[: 3 * vertices].reshape(-1, 3), _triangles(numbers, starts, vertices))
    if not _normals_and_areas(mesh)[1].any():
        raise ValueError("its faces have no area")
    return mesh


def _numbers(body: bytes) -> Numbers:
    # Python reads 1_0 as 10.
    words = body.split()
    try:
        numbers = np.array([] if b"_" in body else words, dtype=np.float64)
    except ValueError as error:
        raise ValueError("something in it is not a number") from error
    if len(numbers) != len(words) or not (np.abs(numbers) < LARGEST).all():
        raise ValueError("something in it is not a number, or too large to be a coordinate")
    return numbers


def _starts(numbers: Numbers, body: bytes, vertices: int, faces: int) -> Indices:
    """Where each face begins among the numbers."""
    first = 3 * vertices
    if len(numbers) == first + 4 * faces and (numbers[first::4] == 3).all():
        return first + 4 * np.arange(faces)
    lengths = np.array([len(words) for line in body.splitlines() if (words := line.split())], dtype=np.int64)
    if len(lengths) == vertices + faces and (lengths[:vertices] == 3).all():
        return _starts_of_lines(numbers, lengths[vertices:], first)
    return _starts_one_by_one(numbers, first, faces)


def _starts_of_lines(numbers: Numbers, lengths: Indices, first: int) -> Indices:
    """A face a line, where a colour may follow the corners."""
    starts = first + np.cumsum(lengths) - lengths
    behind = lengths - 1 - numbers[starts]
    if ((behind < 0) | (behind > COLOUR)).any():
        wrong = int(np.flatnonzero((behind < 0) | (behind > COLOUR))[0])
        raise ValueError(f"face {wrong} says {numbers[starts[wrong]]:g} corners and has {lengths[wrong] - 1} numbers")
    return starts


def _starts_one_by_one(numbers: Numbers, first: int, faces: int) -> Indices:
    """Faces without colours, however they are broken into lines."""
    starts = np.zeros(faces, dtype=np.int64)
    position = first
    for face in range(faces):
        corners = numbers[position] if position < len(numbers) else 0.0
        if corners < 0 or position + 1 + int(corners) > len(numbers):
            raise ValueError(f"face {face} of {faces} is cut off, or the counts are wrong")
        starts[face] = position
        position += 1 + int(corners)
    if position != len(numbers):
        raise ValueError(f"it has {len(numbers)} numbers where its {faces} faces end after {position}")
    return starts


def _triangles(numbers: Numbers, starts: Indices, vertices: int) -> Indices:
    """Fans: corners 0, k, k + 1 of each polygon; those with fewer than three corners are none."""
    corners = numbers[starts].astype(np.int64)
    if (corners != numbers[starts]).any() or (corners < 0).any():
        raise ValueError("a face's number of corners is not a count")
    fans = np.maximum(corners - 2, 0)
    step = np.arange(fans.sum()) - np.repeat(np.cumsum(fans) - fans, fans)
    begin = np.repeat(starts, fans) + 1
    found = numbers[np.stack([begin, begin + step + 1, begin + step + 2], axis=1)]  # [F, 3]
    faces: Indices = found.astype(np.int64)
    if (faces != found).any() or (faces < 0).any() or (faces >= vertices).any():
        raise ValueError(f"a face names a vertex that is not one of 0 to {vertices - 1}")
    return faces
