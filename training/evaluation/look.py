"""Photos with a checkpoint's captions, to be graded by looking: scores against references do not
say whether a caption could stand as alt text."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import cv2
from tqdm import tqdm

from app.captioning.captioner import Captioner
from app.photos.kinds import available, suffixes
from training.data.photos import upright
from training.evaluation.drawing import contact_sheet
from training.saving import save_text

PHOTOS_PER_SHEET = 20
COLUMNS = 5
TABLE = "grades.csv"
FIELDS = ("number", "photo", "language", "caption", "grade", "wrong")
"""A grade is 2 where the caption could stand as alt text, 1 where it is partly right, 0 where it is
wrong; and what is wrong is said in a word: thing, action, colour, count, person, place."""


def look(model: Path, photos: Path, out: Path) -> Path:
    """Writes contact sheets, sheet-1.png and on, of twenty photos each with their captions in all
    languages of a checkpoint, and a table of these captions with room for grades.

    Args:
        photos: a folder with photos in it, which are taken in the order of their names.
        out: a folder, new or without a table.

    Returns:
        The table.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        OSError: a folder cannot be read or written.
        PhotoError: a photo cannot be used.
        ValueError: there are no photos, or a table that may hold grades already.
    """
    endings = suffixes(available())
    files = sorted(path for path in photos.iterdir() if path.suffix.lower() in endings)
    if not files:
        raise ValueError(f"{photos} has no photos, no files that end in {', '.join(endings)}")
    table = out / TABLE
    if table.exists():
        raise ValueError(f"{table} is there already, maybe with grades: choose another --out")
    captioner = Captioner.load(model)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str]] = []
    for first in range(0, len(files), PHOTOS_PER_SHEET):
        rows += _sheet(captioner, files[first : first + PHOTOS_PER_SHEET], first, out)
    save_text(table, _as_csv(rows))
    return table


def _sheet(captioner: Captioner, files: list[Path], first: int, out: Path) -> list[dict[str, str]]:
    """Writes a contact sheet, and returns the rows of its captions."""
    pictures, texts, rows = [], [], []
    for number, path in enumerate(tqdm(files, unit="photo", disable=None), first + 1):
        photo = upright(path.read_bytes())
        seen = captioner.encode(photo)
        captions = {one: captioner.decode(seen, one)[0].text for one in captioner.languages}
        pictures.append(photo)
        texts.append("\n".join([str(number), *captions.values()]))
        for language, caption in captions.items():
            values = (str(number), path.name, language, caption, "", "")
            rows.append(dict(zip(FIELDS, values, strict=True)))
    sheet = contact_sheet(pictures, texts, COLUMNS)
    _, png = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    (out / f"sheet-{first // PHOTOS_PER_SHEET + 1}.png").write_bytes(png.tobytes())
    return rows


def _as_csv(rows: list[dict[str, str]]) -> str:
    text = StringIO()
    writer = csv.DictWriter(text, FIELDS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
