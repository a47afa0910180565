import numpy as np
import pytest

from training.evaluation.drawing import MARGIN, SIDE, contact_sheet


def has(picture, colour):
    return (picture == colour).all(axis=2)


def test_photos_stand_side_by_side_in_rows():
    photos = [np.full((50, 50, 3), 10 * number, np.uint8) for number in range(1, 6)]
    sheet = contact_sheet(photos, [""] * 5, 2)
    height, width = sheet.shape[0] // 3, sheet.shape[1] // 2
    for number in range(5):
        row, column = divmod(number, 2)
        top, left = row * height + MARGIN, column * width + MARGIN
        assert (sheet[top : top + SIDE, left : left + SIDE] == 10 * (number + 1)).all()
    assert (sheet[2 * height :, width:] == 255).all()


@pytest.mark.parametrize(("shape", "shown"), [((100, 400), (56, 224)), ((900, 300), (224, 75))])
def test_photos_keep_their_shape(shape, shown):
    sheet = contact_sheet([np.zeros((*shape, 3), np.uint8)], [""], 1)
    rows, columns = np.nonzero(has(sheet, (0, 0, 0)))
    assert (rows.max() + 1 - MARGIN, columns.max() + 1 - MARGIN) == shown


@pytest.mark.parametrize("text", ["A dog runs on the grass. " * 9, "一只狗在草地上跑。" * 12])
def test_long_texts_are_broken_and_shown_whole(text):
    photo = np.full((SIDE, SIDE, 3), 255, np.uint8)
    short, long = (contact_sheet([photo], [one], 1) for one in (text[:9], text))
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] > short.shape[0] + 40
    rows, columns = np.nonzero((long < 128).any(axis=2))
    assert rows.min() > SIDE + MARGIN
    assert rows.max() < long.shape[0] - MARGIN / 2
    assert columns.max() < long.shape[1] - MARGIN / 2


def test_lines_are_broken_between_words():
    """A word that fits on no line beside another stands alone on the next."""
    photo = np.full((SIDE, SIDE, 3), 255, np.uint8)
    long, apart = (
        contact_sheet([photo], [text], 1)
        for text in ("WWWWWWWWWWWW WWWWWWWWWWWW", "WWWWWWWWWWWW\nWWWWWWWWWWWW")
    )
    assert np.array_equal(long, apart)


def test_chinese_begins_behind_its_letter():
    """It may be broken anywhere, so it need not begin on a line of its own."""
    photo = np.full((SIDE, SIDE, 3), 255, np.uint8)
    caption = "一只狗在草地上跑。" * 3
    spaced, joined = (
        contact_sheet([photo], [text], 1) for text in (f"a: {caption}", f"a:{caption}")
    )
    assert spaced.shape == joined.shape
