"""Photos with the captions of checkpoints, to be graded by looking: scores against references do
not say whether a caption could stand as alt text.

Who grades does not know which caption is whose: those of a photo are in an order of their own, and
one that several checkpoints say stands there once. training.evaluation.grades adds grades up.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from app.captioning.captioner import Captioner
from app.photos.kinds import available, suffixes
from training.data.photos import upright
from training.evaluation.drawing import contact_sheet
from training.saving import save_text

PHOTOS_PER_SHEET = 20
COLUMNS = 5
GRADES, KEY = "grades.csv", "key.csv"
"""The table to grade in, and whose its captions are."""
ID = ("number", "language", "letter")
"""What a caption goes by in both."""
GRADE_FIELDS = (*ID, "photo", "caption", "grade", "wrong")
"""A grade is 2 where the caption could stand as alt text, 1 where it is partly right, 0 where it is
wrong; and what is wrong is said in a word: thing, action, colour, count, person, place."""
KEY_FIELDS = (*ID, "model")


Row = dict[str, Any]


def look(models: Sequence[Path], photos: Path, out: Path) -> Path:
    """Writes contact sheets, sheet-1.png and on, of twenty photos each with what checkpoints say of
    them in all their languages; a table of these captions with room for grades; and its key.

    Args:
        models: checkpoint folders, at least one.
        photos: a folder with photos in it, which are taken in the order of their names.
        out: a folder, new or without a table.

    Returns:
        The table.

    Raises:
        CheckpointError: a checkpoint cannot be used.
        OSError: a folder cannot be read or written.
        PhotoError: a photo cannot be used.
        ValueError: there are no photos, a table that may hold grades already, or the same
            checkpoint twice.
    """
    endings = suffixes(available())
    files = sorted(path for path in photos.iterdir() if path.suffix.lower() in endings)
    if not files:
        raise ValueError(f"{photos} has no photos, no files that end in {', '.join(endings)}")
    table = out / GRADES
    if table.exists():
        raise ValueError(f"{table} is there already, maybe with grades: choose another --out")
    captioners = {str(model): Captioner.load(model) for model in models}
    if len(captioners) < len(models):
        raise ValueError("one of the checkpoints is given twice")
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    sheets = range(0, len(files), PHOTOS_PER_SHEET)
    for nth, first in enumerate(tqdm(sheets, unit="sheet", disable=None), 1):
        numbered = enumerate(files[first : first + PHOTOS_PER_SHEET], first + 1)
        rows += _sheet(captioners, list(numbered), out / f"sheet-{nth}.png")
    key = [{**row, "model": model} for row in rows for model in row["models"]]
    save_text(out / KEY, _as_csv(KEY_FIELDS, key))
    save_text(table, _as_csv(GRADE_FIELDS, rows))
    return table


def _sheet(
    captioners: Mapping[str, Captioner], files: Sequence[tuple[int, Path]], sheet: Path
) -> list[Row]:
    """Writes a contact sheet of photos with these numbers, and returns a row for each caption."""
    pictures, texts, rows = [], [], []
    for number, path in files:
        photo = upright(path.read_bytes())
        captions = _captions(captioners, photo)
        pictures.append(photo)
        lines = [f"{one['letter']}: {one['caption']}" for one in captions]
        texts.append("\n".join([str(number), *lines]))
        rows += [{"number": number, "photo": path.name, **one} for one in captions]
    picture = contact_sheet(pictures, texts, COLUMNS)
    _, png = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    sheet.write_bytes(png.tobytes())
    return rows


def _captions(captioners: Mapping[str, Captioner], photo: np.ndarray) -> list[Row]:
    """Of each language the different captions in an order drawn at random, with letters in it, and
    the models that say each."""
    models: dict[tuple[str, str], list[str]] = {}
    for model, captioner in captioners.items():
        encoding = captioner.encode(photo)
        for language in captioner.languages:
            text = captioner.decode(encoding, language)[0].text
            models.setdefault((language, text), []).append(model)
    captions: list[Row] = []
    for wanted in dict.fromkeys(language for language, _ in models):
        texts = [text for language, text in models if language == wanted]
        random.shuffle(texts)
        captions += [
            {"language": wanted, "letter": letter, "caption": text, "models": models[wanted, text]}
            for letter, text in zip(ascii_lowercase, texts, strict=False)
        ]
    return captions


def _as_csv(fields: Sequence[str], rows: Sequence[Row]) -> str:
    text = StringIO()
    writer = csv.DictWriter(text, fields, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
