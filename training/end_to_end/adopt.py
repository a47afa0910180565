"""Makes a run folder of a decoder that was trained end to end, for features of its encoder.

    python -m training.data.features --dataset data/mixed --encoder efficientnet_lite3 \\
        --weights runs/tuned/encoder.npz --kind map --views 2 --out runs/features_tuned
    python -m training.end_to_end.adopt --trained runs/tuned --recipe soft_attention_tuned_en \\
        --dataset data/mixed --features runs/features_tuned --run runs/soft_attention_tuned_en
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from app.captioning.vocabulary import Vocabulary
from training.data import DatasetError
from training.data.loading import load_corpus
from training.decoders.building import DecoderShape, build_decoder
from training.end_to_end.model import load_decoder
from training.recipes import load_recipe
from training.train.runs import begin_run, end_run, keep, run_config
from training.train.trainer import measure


def adopt(trained: Path, recipe: str, dataset: Path, features: Path, run: Path) -> dict[str, float]:
    """Scores on dev, by beam search, on the int8 encoder's features. Whether these are of the
    encoder that the decoder was trained with cannot be told: the scores will.

    Raises:
        DatasetError: the dataset cannot be read.
        FileNotFoundError: one of the inputs is not there.
        ValueError: the decoder is not the recipe's, or the features are not the dataset's.
    """
    asked = load_recipe(recipe)
    words = Vocabulary.load(dataset / f"vocabulary_{asked.language}.txt")
    vocabulary = asked.vocabulary(words)
    corpus = load_corpus(dataset, features, "train", asked.language)
    dev = load_corpus(dataset, features, "dev", asked.language)
    decoder = build_decoder(asked, DecoderShape.of(vocabulary, corpus.features), "float32")
    load_decoder(trained / f"{recipe}.npz", decoder)
    scores, _ = measure(decoder, dev, vocabulary, asked)
    begin_run(run, run_config(asked, dataset, features, corpus), vocabulary)
    keep(run, decoder, asked.all_epochs, {"epoch": asked.all_epochs, **scores})
    end_run(run, "it was trained end to end")
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trained", type=Path, required=True)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    try:
        print(json.dumps(adopt(**vars(parser.parse_args())), indent=2))
    except (DatasetError, OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
