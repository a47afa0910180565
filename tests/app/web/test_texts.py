from __future__ import annotations

import pytest

from app.web.texts import percent


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (1.0, "100%"),
        (0.996, "100%"),
        (0.5, "50%"),
        (0.105, "10%"),
        (0.0996, "10%"),
        (0.042, "4.2%"),
        (0.00031, "0.031%"),
        (0.0000314, "0.0031%"),
        (0.00001, "0.001%"),
        (0.0000023, "0.00023%"),
        (0.00000099, "<0.0001%"),
        (0.0, "<0.0001%"),
    ],
)
def test_a_chance_keeps_two_digits_that_count(probability: float, text: str) -> None:
    assert percent(probability) == text
