"""A plain reader of pictures: what stands in which cell."""

import numpy as np

from itnas.tasks.pictures import COLOURS, SHAPES

Seen = dict[tuple[int, int], tuple[str, str]]  # row and column -> colour and shape


def quarter(shape: str, *, upside_down: bool, mirrored: bool) -> list[bool]:
    rows = SHAPES[shape][::-1] if upside_down else SHAPES[shape]
    return [dot == "#" for row in rows for dot in (row[::-1] if mirrored else row)]


def look(patches: np.ndarray) -> Seen:
    """What a square picture of patches [N, channels] shows: in each cell the best fitting shape, or nothing."""
    side = round((len(patches) / 4) ** 0.5)
    grid = patches.reshape(2 * side, 2 * side, -1)
    templates = {
        (colour, shape): np.concatenate(
            [
                np.outer(quarter(shape, upside_down=down, mirrored=right), light).flatten()
                for down in (False, True)
                for right in (False, True)
            ]
        )
        for shape in SHAPES
        for colour, light in COLOURS.items()
    }
    seen: Seen = {}
    for row in range(side):
        for column in range(side):
            cell = grid[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].flatten()
            if np.linalg.norm(cell) < 2.6:  # noise has some 1.4, shapes have at least 3
                continue
            misfits = {
                name: np.linalg.norm(cell - cell @ template / (template @ template) * template)
                for name, template in templates.items()
            }
            seen[row, column] = min(misfits, key=misfits.__getitem__)
    return seen
