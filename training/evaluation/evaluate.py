"""Scores a checkpoint on a dataset, through the very door that the service uses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from app.captioning.captioner import BEAM_WIDTH, Caption, Captioner
from app.captioning.checkpoint import MANIFEST, open_checkpoint
from app.captioning.engines import load_engine
from training.data.datasets import open_split
from training.data.photos import upright
from training.data.tfrecord import Example
from training.data.tokenization import words
from training.evaluation.metrics import METEOR_ABSENT, score
from training.evaluation.support import Support
from training.recipes import recipe_from_json

TOKENISATION = {
    "en": "PTB, lower-cased, punctuation removed, as pycocoevalcap",
    "zh": "jieba (rjieba), punctuation removed",
}


def captioned_photos(
    dataset: Path, split: str, language: str
) -> Iterator[tuple[Example, np.ndarray]]:
    """The photos that have captions in a language, and their pixels, uint8 RGB.

    Raises:
        DatasetError: the dataset or the split is not there.
        ValueError: at the end, where no photo has captions in the language.
    """
    found = False
    for example in tqdm(open_split(dataset, split), desc=split, unit="photo", disable=None):
        if example.captions.get(language):
            found = True
            yield example, upright(example.photo)
    if not found:
        raise ValueError(f"{dataset} has no {language!r} captions in {split}")


def has_captions(dataset: Path, split: str, language: str) -> bool:
    """Whether any photo of a split has captions in a language."""
    return any(example.captions.get(language) for example in open_split(dataset, split))


def usual_style(model: Path, dataset: Path, language: str) -> str | None:
    """What captions begin with in the style that most dev captions of a dataset have; None where a
    checkpoint has no styles, or does not say what they are.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        DatasetError: there is no such dataset.
    """
    manifest = json.loads(open_checkpoint(model).file(MANIFEST).read_text(encoding="utf-8"))
    record = manifest.get("training", {}).get(language)
    config = recipe_from_json(record["recipe"]).languages[language] if record else None
    if config is None or not config.styles:
        return None
    examples = open_split(dataset, "dev")
    return config.usual_start(
        words(text, language) for one in examples for text in one.captions.get(language, ())
    )


def describe_split(
    captioner: Captioner, dataset: Path, split: str, language: str, beam_width: int = BEAM_WIDTH
) -> Iterator[tuple[Example, Caption]]:
    """The photos that have captions in a language, and the best caption of each. Raises as
    captioned_photos() does, and ValueError where the checkpoint does not speak the language."""
    if language not in captioner.languages:
        raise ValueError(
            f"{captioner.name} captions in {', '.join(captioner.languages)}, not in {language!r}"
        )
    for example, photo in captioned_photos(dataset, split, language):
        yield example, captioner.caption(photo, language, beam_width)[0]


def caption_split(
    captioner: Captioner, dataset: Path, split: str, language: str, beam_width: int = BEAM_WIDTH
) -> tuple[list[str], list[str], list[tuple[str, ...]]]:
    """File names, the best caption of each photo, and each photo's references."""
    names, captions, references = [], [], []
    described = describe_split(captioner, dataset, split, language, beam_width)
    for example, caption in described:
        names.append(example.file_name)
        captions.append(caption.text)
        references.append(example.captions[language])
    return names, captions, references


def score_captions(
    captions: Sequence[str], references: Sequence[Sequence[str]], language: str
) -> dict[str, float]:
    """BLEU-1..4, ROUGE-L and CIDEr in percent, and the unsupported words a caption, of captions as
    a person reads them."""
    said = [words(caption, language) for caption in captions]
    written = [[words(one, language) for one in five] for five in references]
    return {**score(said, written), "unsupported": Support(written).mean(said)}


def load_captioner(model: Path, engine: str, language: str, start: str | None) -> Captioner:
    """A checkpoint's captioner; captions of the language begin with start where it is given."""
    if not start:
        return Captioner.load(model, engine)
    checkpoint = open_checkpoint(model).without_detector()
    if ours := checkpoint.languages.get(language):
        if start not in ours.vocabulary.words:
            styles = [word for word in ours.vocabulary.words if word.startswith("<")]
            raise ValueError(f"{model} has no style {start}, only {', '.join(styles)}")
        languages = checkpoint.languages | {language: replace(ours, start=start)}
        checkpoint = replace(checkpoint, languages=languages)
    return Captioner(checkpoint, load_engine(engine, checkpoint))


def evaluate(
    model: Path,
    dataset: Path,
    split: str,
    language: str,
    beam_width: int = BEAM_WIDTH,
    engine: str = "auto",
    start: str | None = None,
    captions_to: Path | None = None,
) -> dict[str, Any]:
    """As score_captions() gives them, and what they were measured on.

    Args:
        start: what captions begin with, unseen, such as another style; the checkpoint's own where
            it is None.
        captions_to: a file to write each photo's caption to, one JSON object a line.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        DatasetError: the dataset or the split is not there.
        ValueError: the checkpoint does not speak the language, or the split has no captions in it.
    """
    captioner = load_captioner(model, engine, language, start)
    names, captions, references = caption_split(captioner, dataset, split, language, beam_width)
    if captions_to:
        lines = (
            json.dumps({"photo": name, "caption": caption}, ensure_ascii=False) + "\n"
            for name, caption in zip(names, captions, strict=True)
        )
        captions_to.write_text("".join(lines), encoding="utf-8")
    return {
        "model": captioner.name,
        "split": split,
        "language": language,
        "photos": len(captions),
        "beam_width": beam_width,
        "engine": engine,
        "tokenisation": TOKENISATION[language],
        **score_captions(captions, references, language),
        "METEOR": None,
        "METEOR_absent": METEOR_ABSENT,
        "mean_words": sum(len(words(one, language)) for one in captions) / len(captions),
        "distinct_captions": len(set(captions)),
    }
