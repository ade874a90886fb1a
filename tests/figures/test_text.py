"""Names as text."""

import pytest

from itnas.figures.text import MOST, plain, shortened


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("<b>bold</b>", "&lt;b&gt;bold&lt;/b&gt;"),
        ("a&amp;b", "a&amp;amp;b"),
        ("tab\tbell\x07", "tab bell "),
        (None, "None"),
        (3, "3"),
    ],
)
def test_no_letter_of_a_name_is_markup(name: object, told: str) -> None:
    assert plain(name) == told


def test_long_names_keep_their_ends() -> None:
    name = "layers.kernel.features/" + "x" * 60 + "/clock"
    found = shortened(name)
    assert len(found) == MOST
    assert found.startswith("layers.kernel.")
    assert found.endswith("/clock")
    assert "…" in found
