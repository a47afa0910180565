"""Scores a checkpoint on a dataset, through the very door that the service uses.

    python -m training.evaluation.evaluate --model model_assets/kantu-1 \\
        --dataset DIR --split dev --language en

DIR is a TFRecord dataset or an original download. Prints the scores as JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from app.captioning.captioner import BEAM_WIDTH, Caption, Captioner
from app.captioning.engines import ENGINES
from training.data import open_split
from training.data.photos import upright
from training.data.tfrecord import Example
from training.data.tokenization import words
from training.evaluation.metrics import METEOR_ABSENT, score

TOKENISATION = {
    "en": "PTB, lower-cased, punctuation removed, as pycocoevalcap",
    "zh": "jieba (rjieba), punctuation removed",
}


def captioned_photos(
    dataset: Path, split: str, language: str
) -> Iterator[tuple[Example, np.ndarray]]:
    """The photos that have captions in a language, and their pixels, uint8 RGB."""
    for example in tqdm(open_split(dataset, split), desc=split, unit="photo", disable=None):
        if example.captions.get(language):
            yield example, upright(example.photo)


def describe_split(
    captioner: Captioner, dataset: Path, split: str, language: str, beam_width: int = BEAM_WIDTH
) -> Iterator[tuple[Example, Caption]]:
    """The photos that have captions in a language, and the best caption of each."""
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
    """BLEU-1..4, ROUGE-L and CIDEr in percent, of captions as a person reads them."""
    return score(
        [words(caption, language) for caption in captions],
        [[words(one, language) for one in five] for five in references],
    )


def split_arguments(description: str) -> argparse.ArgumentParser:
    """Which checkpoint is looked at, and on what."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--language", choices=sorted(TOKENISATION), required=True)
    return parser


def evaluate(
    model: Path,
    dataset: Path,
    split: str,
    language: str,
    beam_width: int = BEAM_WIDTH,
    engine: str = "auto",
    captions_to: Path | None = None,
) -> dict[str, Any]:
    """BLEU-1..4, ROUGE-L and CIDEr in percent, and what they were measured on.

    Args:
        captions_to: a file to write each photo's caption to, one JSON object a line.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        DatasetError: the dataset or the split is not there.
        ValueError: the checkpoint does not speak the language, or the split has no captions in it.
    """
    captioner = Captioner.load(model, engine)
    if language not in captioner.languages:
        raise ValueError(
            f"{captioner.name} captions in {', '.join(captioner.languages)}, not in {language!r}"
        )
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


def main() -> None:
    parser = split_arguments(__doc__.splitlines()[0])
    parser.add_argument("--beam-width", type=int, default=BEAM_WIDTH)
    parser.add_argument("--engine", choices=("auto", *ENGINES), default="auto")
    parser.add_argument("--captions-to", type=Path)
    print(json.dumps(evaluate(**vars(parser.parse_args())), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
