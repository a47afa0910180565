"""Pictures for looking at what a model says: photos with their captions."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

SIDE = 224
"""Height and width that photos have at most on a sheet."""
MARGIN = 8
TEXT_SIZE = 14
TALLEST = 1 << 14
"""No text is taller."""


def contact_sheet(photos: Sequence[np.ndarray], texts: Sequence[str], columns: int) -> np.ndarray:
    """Photos side by side, each above its text.

    Args:
        photos: at least one, uint8 RGB (height, width, 3), each of any size.
        texts: of each photo, in any language and of any number of lines. Lines that are too long
            are broken, between words where there are any.
        columns: how many photos stand side by side.

    Returns:
        uint8 RGB (height, width, 3).
    """
    broken = ["\n".join(map(_broken, text.split("\n"))) for text in texts]
    text_height = max(_text_size(text, SIDE)[1] for text in broken)
    cells = [_cell(*one, text_height) for one in zip(photos, broken, strict=True)]
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % columns)
    rows = [np.hstack(cells[first : first + columns]) for first in range(0, len(cells), columns)]
    return np.vstack(rows)


def _cell(photo: np.ndarray, text: str, text_height: int) -> np.ndarray:
    height, width = photo.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    cell = np.full((SIDE + text_height + 3 * MARGIN, SIDE + 2 * MARGIN, 3), 255, np.uint8)
    cell[MARGIN : MARGIN + size[1], MARGIN : MARGIN + size[0]] = small
    _write(cell, text, MARGIN, SIDE + 2 * MARGIN, SIDE)
    return cell


def _broken(line: str) -> str:
    """A line as several. OpenCV breaks words as it breaks Chinese, at any character."""
    lines = [""]
    for word in line.split(" "):
        longer = f"{lines[-1]} {word}".lstrip()
        goes_on = not word.isascii() or _text_size(longer, TALLEST)[0] <= SIDE
        lines = [*lines[:-1], longer] if goes_on or not lines[-1] else [*lines, word]
    return "\n".join(lines)


def _font() -> cv2.FontFace:
    """OpenCV's own that has Chinese characters too."""
    return cv2.FontFace("uni")


def _text_size(text: str, width: int) -> tuple[int, int]:
    """Width and height of a text that is broken at a width."""
    _, _, across, down = cv2.getTextSize(
        (width, TALLEST), text, (0, 0), _font(), TEXT_SIZE, 0, cv2.PUT_TEXT_WRAP, (0, width)
    )
    return across, down


def _write(picture: np.ndarray, text: str, left: int, top: int, width: int) -> None:
    """Puts a text, broken at a width, onto a picture, in black."""
    baseline = (left, top + TEXT_SIZE)
    lines = (left, left + width)
    cv2.putText(picture, text, baseline, (0, 0, 0), _font(), TEXT_SIZE, 0, cv2.PUT_TEXT_WRAP, lines)
