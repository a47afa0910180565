"""Compares the styles that a decoder has learned to speak, on the dev photos.

    python -m training.train.styles --run runs/top_down_zh --dataset data/mixed \\
        --features runs/map --captions-to styles.jsonl

Prints, as JSON, for each style: words a caption, how many captions differ, and the
scores against the captions people wrote and against the machine translations, where the dataset has
them of all photos.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.captioning.vocabulary import sentence
from training.data.loading import load_corpus
from training.evaluation.metrics import score
from training.train.runs import load_run
from training.train.trainer import describe


def compare(
    run: Path, dataset: Path, features: Path
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Figures of each style, and what each says of each dev photo.

    Raises:
        ValueError: the run's decoder knows no styles.
    """
    trained = load_run(run)
    recipe = trained.recipe
    names = [name for name in (*dict(recipe.styles), recipe.translated_style) if name]
    if not names:
        raise ValueError(f"the decoder of {run} knows no styles")
    dev = load_corpus(dataset, features, "dev", recipe.language, translated=True)
    figures, said = [], {}
    for name in names:
        spoken = replace(recipe, style=name)
        captions = describe(trained.decoder, dev, trained.vocabulary, spoken)
        said[name] = captions
        figures.append(
            {
                "style": name,
                "words": sum(map(len, captions)) / len(captions),
                "distinct": len(set(captions)),
                "written": score(captions, dev.captions),
                "translated": score(captions, dev.translated) if all(dev.translated) else None,
            }
        )
    lines = [
        {"photo": photo, **{name: sentence(said[name][at], recipe.language) for name in names}}
        for at, photo in enumerate(dev.names)
    ]
    return figures, lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--captions-to", type=Path)
    given = parser.parse_args()
    figures, lines = compare(given.run, given.dataset, given.features)
    if given.captions_to:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        given.captions_to.write_text(text, encoding="utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
