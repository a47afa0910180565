"""How well checkpoints caption objects that no caption taught them to name.

Novel are those of COCO's classes that the training captions do not name. Of photos that show one,
prints as JSON how often each checkpoint names it (the F1 of Hendricks et al. 2016, "Deep
compositional captioning"), and how good its captions are. The checkpoints must have been trained on
--trained-on alone: nothing tells whether they were.

With --mention, those that can be told what to mention are measured a second time, told the novel
classes of each photo: what constrained beam search (Anderson et al. 2017) makes of perfect tags.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from app.captioning.captioner import Captioner
from app.captioning.constrained_search import MAX_CONSTRAINTS
from app.captioning.objects import objects
from app.captioning.objects import words as words_of_classes
from training.data.datasets import open_split
from training.data.photos import upright
from training.data.tfrecord import Example, read_metadata
from training.data.tokenization import merge_names, words
from training.evaluation.evaluate import score_captions

AGREEING = 2
"""References that mention what a photo is said to show: one alone may be mistaken."""

Classes = dict[str, frozenset[str]]
"""The visual words of classes, by their names, in COCO's order."""


@dataclass(frozen=True)
class Shown:
    """A photo of something novel."""

    example: Example
    classes: tuple[str, ...]
    """The novel ones, at least one."""


def novel_classes(captions: Iterable[str], language: str, least: int) -> Classes:
    """The classes none of whose words comes as often as `least` in the captions."""
    counts = Counter(word for caption in captions for word in _said(caption, language))
    return {
        name: frozenset(names)
        for name, names in words_of_classes(language).items()
        if all(counts[word] < least for word in names)
    }


def mentioned(caption: str, classes: Classes, language: str) -> list[str]:
    """The classes of which a caption has a word."""
    said = set(_said(caption, language))
    return [name for name, names in classes.items() if names & said]


def _said(caption: str, language: str) -> list[str]:
    """The words of a caption, in which a hot dog is no dog."""
    return merge_names(words(caption, language))


def photos_of(datasets: Iterable[Path], classes: Classes, language: str) -> Iterator[Shown]:
    """The photos of all splits on which references agree that they show one of the classes.

    Raises:
        DatasetError: a dataset is none in TFRecord, or is damaged.
    """
    for dataset in datasets:
        for split in read_metadata(dataset).sizes:
            for example in open_split(dataset, split):
                votes = Counter(
                    name
                    for caption in example.captions.get(language, ())
                    for name in mentioned(caption, classes, language)
                )
                agreed = tuple(name for name in classes if votes[name] >= AGREEING)
                if agreed:
                    yield Shown(example, agreed)


def describe(
    captioner: Captioner, photos: Sequence[Shown], language: str, tell: bool
) -> dict[bool, list[str]]:
    """The best caption of each photo: without being told anything and, where asked for and where
    the checkpoint can be told, told what to mention."""
    captions: dict[bool, list[str]] = {False: []}
    if tell and captioner.objects:
        captions[True] = []
    for photo in tqdm(photos, captioner.name, unit="photo", disable=None):
        encoding = captioner.encode(upright(photo.example.photo))
        for told, texts in captions.items():
            mention = photo.classes[:MAX_CONSTRAINTS] if told else ()
            texts.append(captioner.decode(encoding, language, mention=mention)[0].text)
    return captions


def mentioning(
    shown: Sequence[Collection[str]], said: Sequence[Collection[str]]
) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 in percent of naming each class, and their means over classes.

    A class that is never named has a precision of 0.

    Args:
        shown: the classes that are on each photo, at least one on one of them.
        said: those that its caption mentions.
    """
    classes = {name for names in shown for name in names}
    by_class = {name: _f1(name, shown, said) for name in objects() if name in classes}
    measures = ("precision", "recall", "F1")
    means = {
        measure: round(sum(one[measure] for one in by_class.values()) / len(classes), 1)
        for measure in measures
    }
    return {**by_class, "mean": means}


def _f1(
    name: str, shown: Sequence[Collection[str]], said: Sequence[Collection[str]]
) -> dict[str, float]:
    positives = sum(name in names for names in shown)
    named = sum(name in names for names in said)
    right = sum(name in ours and name in theirs for ours, theirs in zip(shown, said, strict=True))
    return {
        "photos": positives,
        "precision": round(100 * right / max(named, 1), 1),
        "recall": round(100 * right / positives, 1),
        "F1": round(200 * right / (positives + named), 1),
    }


def measure(
    captions: Sequence[str], photos: Sequence[Shown], novel: Classes, language: str
) -> dict[str, Any]:
    """The figures of one checkpoint's captions of the photos."""
    references = [photo.example.captions[language] for photo in photos]
    scores = score_captions(captions, references, language)
    said = [mentioned(caption, novel, language) for caption in captions]
    return {
        **{name: round(scores[name], 1) for name in ("BLEU-4", "CIDEr")},
        "mentioning": mentioning([photo.classes for photo in photos], said),
    }


def novel_objects(
    trained_on: Path,
    datasets: list[Path],
    models: list[Path],
    language: str,
    least: int,
    mention: bool = False,
    captions_to: Path | None = None,
) -> dict[str, Any]:
    """What is novel, and each checkpoint's figures.

    Args:
        captions_to: a file to write the captions of each photo to, one JSON object a line.

    Raises:
        CheckpointError: a checkpoint cannot be used.
        DatasetError: a dataset cannot be read.
        ValueError: a checkpoint does not speak the language, or no photo shows anything novel.
    """
    captioners = {str(model): Captioner.load(model, pointing=True) for model in models}
    silent = [name for name, one in captioners.items() if language not in one.languages]
    if silent:
        raise ValueError(f"{silent[0]} does not caption in {language!r}")
    taught = (
        caption
        for example in open_split(trained_on, "train")
        for caption in example.captions.get(language, ())
    )
    novel = novel_classes(taught, language, least)
    photos = list(photos_of(datasets, novel, language))
    if not photos:
        raise ValueError(f"no photo shows anything that {language!r} captions did not teach")
    figures, said = [], {}
    for name, captioner in captioners.items():
        for told, captions in describe(captioner, photos, language, mention).items():
            said[f"{name}, told" if told else name] = captions
            about = {"model": name, "told": told}
            figures.append({**about, **measure(captions, photos, novel, language)})
    if captions_to:
        _write(captions_to, photos, said)
    shown = Counter(name for photo in photos for name in photo.classes)
    return {
        "trained_on": str(trained_on),
        "language": language,
        "least": least,
        "photos": len(photos),
        "novel": {name: shown[name] for name in novel},
        "models": figures,
    }


def _write(file: Path, photos: Sequence[Shown], said: dict[str, list[str]]) -> None:
    lines = (
        {
            "photo": photo.example.file_name,
            "classes": photo.classes,
            "captions": {name: captions[at] for name, captions in said.items()},
        }
        for at, photo in enumerate(photos)
    )
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    file.write_text(text, encoding="utf-8")
