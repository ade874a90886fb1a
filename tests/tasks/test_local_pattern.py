"""Local pattern: the table is fair, fixed, and uses every token it is given."""

import numpy as np
import pytest

from itnas.tasks.local_pattern import LocalPattern, class_table
from itnas.tasks.stream import generator


@pytest.mark.parametrize(("vocab", "width", "classes"), [(8, 3, 8), (2, 4, 16), (3, 3, 4), (5, 1, 3)])
def test_classes_have_equally_many_patterns(vocab: int, width: int, classes: int) -> None:
    counts = np.bincount(class_table(vocab, width, classes, 0), minlength=classes)
    assert counts.sum() == vocab**width
    assert np.ptp(counts) <= 1


def test_a_pattern_has_its_class_wherever_and_whenever_it_occurs() -> None:
    task = LocalPattern()
    known: dict[tuple[int, ...], int] = {}
    for length in (3, 17, 64):
        batch = task.draw(generator("pattern", length), 50, length)
        for inputs, targets in zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True):
            for point in range(2, length):
                pattern = tuple(inputs[point - 2 : point + 1])
                assert known.setdefault(pattern, targets[point]) == targets[point]
    assert len(known) > 500  # of 512, each met 8 times on average: 0.2 are missed


def test_every_token_of_a_pattern_decides() -> None:
    table = class_table(8, 3, 8, 0).reshape(8, 8, 8)
    for axis in range(3):
        # Two different patterns share a class with probability 63 / 511; over 1792 pairs that is 0.123 +- 0.008.
        same = np.mean([table.take(i, axis) == table.take(j, axis) for i in range(8) for j in range(i)])
        assert same == pytest.approx(63 / 511, abs=0.04)


def test_the_pattern_seed_chooses_another_table() -> None:
    # Random tables agree in an eighth of 512 places, give or take 0.015.
    assert np.mean(class_table(8, 3, 8, 0) == class_table(8, 3, 8, 1)) == pytest.approx(1 / 8, abs=0.075)


def test_nobody_can_change_a_table() -> None:
    with pytest.raises(ValueError, match="read-only"):
        class_table(8, 3, 8, 0)[0] = 1
