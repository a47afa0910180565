"""Word vectors of the captions: skip-gram with negative sampling (Mikolov et al. 2013b).

    python -m training.data.word2vec --dataset data/flickr8k --language en --size 512 \\
        --out runs/word2vec_en.npz

A decoder's word embedding may start from them: words that stand in the same places start close to
each other. Prints the nearest words of a few, by which one sees whether it learned anything.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from app.captioning.vocabulary import SPECIAL, Vocabulary
from training.data import DatasetError, open_split
from training.data.tokenization import words

WINDOW = 5
"""Words to either side at most; for each centre a smaller number is drawn, so near words weigh
more."""
NEGATIVES = 10
"""For each pair. Mikolov et al. advise 5 to 20 for small corpora, 2 to 5 for large ones."""
SHARED_NEGATIVES = 64
"""Words drawn for a batch. All its pairs share them, weighing NEGATIVES together: the same
expectation as words drawn for each pair, by one matrix product (Ji et al. 2016)."""
SUBSAMPLING = 1e-3
"""Of a word with frequency f, sqrt(SUBSAMPLING / f) stay. Mikolov et al. took 1e-5 for a billion
words; of captions that would leave next to nothing."""
BATCH_SIZE = 2048
"""Pairs."""
LEARNING_RATE = 5e-3
"""Of Adam, at first; it falls to nothing in a straight line."""
EPOCHS = 10
DEVIATION = 0.05 / 3**0.5
"""Of the values written: that of Keras's embeddings when they start at random. So a training from
these vectors differs from one without in what they say, not in how long they are."""
SHOWN = {
    "en": ("dog", "man", "red", "running", "two", "water", "grass", "bike"),
    "zh": ("狗", "男人", "红色", "跑", "两个", "水", "草地", "自行车"),
}


def train_word2vec(
    captions: Sequence[Sequence[str]],
    vocabulary: Vocabulary,
    size: int,
    epochs: int = EPOCHS,
    seed: int = 1,
) -> np.ndarray:
    """Word vectors of a vocabulary.

    `<start>` and `<end>` stand around each caption, and `<unk>` for words not listed, as a decoder
    sees them; so these have vectors too. Words in no caption get random ones of the same deviation.

    Args:
        captions: the words of each.

    Returns:
        float32 (vocabulary, size), mean 0 and deviation DEVIATION over all values. The same for the
        same arguments.
    """
    sentences = [
        np.array([vocabulary.start, *vocabulary.encode(caption), vocabulary.end], np.int32)
        for caption in captions
    ]
    tokens = np.concatenate(sentences)
    sentence_of = np.repeat(np.arange(len(sentences)), [len(one) for one in sentences])
    counts = np.bincount(tokens, minlength=len(vocabulary))
    noise = noise_distribution(counts)
    random = np.random.default_rng(seed)
    model = SkipGram(random, len(vocabulary), size)
    for epoch in tqdm(range(epochs), desc="word2vec", unit="epoch", disable=None):
        kept = subsample(random, tokens, counts)
        pairs = random.permutation(skip_grams(random, tokens[kept], sentence_of[kept]))
        model.run_epoch(random, pairs, noise, (1 - epoch / epochs, 1 - (epoch + 1) / epochs))
    return normalise(random, model.centres.numpy(), counts)


def subsample(random: np.random.Generator, tokens: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Which tokens stay, bool: of frequent words only some, for they tell little (section 2.3)."""
    frequency = counts[tokens] / len(tokens)
    return random.random(len(tokens)) < np.sqrt(SUBSAMPLING / frequency)


def skip_grams(
    random: np.random.Generator, tokens: np.ndarray, sentence_of: np.ndarray
) -> np.ndarray:
    """Each word with each word around it in its sentence: int32 (pairs, 2), centre and context."""
    reach = random.integers(1, WINDOW + 1, len(tokens))
    pairs = []
    for distance in range(1, WINDOW + 1):
        together = sentence_of[:-distance] == sentence_of[distance:]
        before, after = tokens[:-distance], tokens[distance:]
        forward = together & (reach[:-distance] >= distance)
        backward = together & (reach[distance:] >= distance)
        pairs.append(np.stack([before[forward], after[forward]], axis=1))
        pairs.append(np.stack([after[backward], before[backward]], axis=1))
    return np.concatenate(pairs)


class SkipGram:
    """Two vectors a word, as centre and as context, whose product says whether they go together."""

    def __init__(self, random: np.random.Generator, vocabulary_size: int, size: int):
        start = random.uniform(-0.5 / size, 0.5 / size, (vocabulary_size, size))
        self.centres = tf.Variable(start, dtype=tf.float32)
        self.contexts = tf.Variable(tf.zeros((vocabulary_size, size)))
        self.optimizer = keras.optimizers.Adam(LEARNING_RATE)
        self.optimizer.build([self.centres, self.contexts])
        ids = tf.TensorSpec((None,), tf.int32)
        self._train_step = tf.function(self._step, input_signature=[ids, ids, ids])

    def run_epoch(
        self,
        random: np.random.Generator,
        pairs: np.ndarray,
        noise: np.ndarray,
        rates: tuple[float, float],
    ) -> None:
        """Trains on all pairs once.

        Args:
            pairs: int32 (pairs, 2), centre and context, in the order they are seen.
            noise: (vocabulary,), the chance of each word to be drawn as a negative.
            rates: of the learning rate at first and at last.
        """
        batches = np.array_split(pairs, -(-len(pairs) // BATCH_SIZE))
        for batch, rate in zip(batches, np.linspace(*rates, len(batches)), strict=True):
            self.optimizer.learning_rate.assign(rate * LEARNING_RATE)
            negatives = random.choice(len(noise), SHARED_NEGATIVES, p=noise).astype(np.int32)
            self._train_step(batch[:, 0], batch[:, 1], negatives)

    def _step(self, centres: tf.Tensor, contexts: tf.Tensor, negatives: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            vectors = tf.gather(self.centres, centres)
            together = tf.reduce_sum(vectors * tf.gather(self.contexts, contexts), axis=1)
            apart = tf.matmul(vectors, tf.gather(self.contexts, negatives), transpose_b=True)
            # Equation 4: -log sigmoid(x) is softplus(-x).
            loss = tf.nn.softplus(-together) + NEGATIVES * tf.reduce_mean(
                tf.nn.softplus(apart), axis=1
            )
            mean = tf.reduce_mean(loss)
        variables = [self.centres, self.contexts]
        # Dense: a batch has a good part of so small a vocabulary.
        gradients = [tf.convert_to_tensor(one) for one in tape.gradient(mean, variables)]
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))


def noise_distribution(counts: np.ndarray) -> np.ndarray:
    """Unigram counts to the power of 3/4, float64, summing to 1 (section 2.2)."""
    weights = counts**0.75
    return weights / weights.sum()


def normalise(random: np.random.Generator, vectors: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Vectors around their common mean with DEVIATION, float32; random where a word never came."""
    seen = counts > 0
    centred = vectors - vectors[seen].mean(axis=0)
    scaled = random.normal(0, DEVIATION, vectors.shape)
    scaled[seen] = centred[seen] * (DEVIATION / centred[seen].std())
    return scaled.astype(np.float32)


def nearest(vectors: np.ndarray, vocabulary: Vocabulary, word: str, count: int = 8) -> list[str]:
    """The words of the smallest angle with a word, nearest first, special words left out."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    (index,) = vocabulary.encode([word])
    order = np.argsort(-(unit @ unit[index]), kind="stable")
    found = [vocabulary.words[one] for one in order if one != index]
    return [other for other in found if other not in SPECIAL][:count]


def save_word2vec(path: Path, vectors: np.ndarray, vocabulary: Vocabulary) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez(file, embedding=vectors, vocabulary_sha256=np.array(_sha256(vocabulary)))


def load_word2vec(path: Path, vocabulary: Vocabulary) -> np.ndarray:
    """Vectors that `python -m training.data.word2vec` wrote: float32 (vocabulary, size).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: they are those of another vocabulary.
    """
    with np.load(path) as arrays:
        embedding, made_for = arrays["embedding"], arrays["vocabulary_sha256"].item()
    if made_for != _sha256(vocabulary):
        raise ValueError(
            f"{path} holds vectors of another vocabulary ({len(embedding)} words, here there are "
            f"{len(vocabulary)}); make them with python -m training.data.word2vec from this dataset"
        )
    return embedding


def _sha256(vocabulary: Vocabulary) -> str:
    """That of the vocabulary's file."""
    return hashlib.sha256("".join(f"{word}\n" for word in vocabulary.words).encode()).hexdigest()


def _captions(dataset: Path, language: str) -> Iterator[list[str]]:
    for example in open_split(dataset, "train"):
        for caption in example.captions.get(language, ()):
            yield words(caption, language)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--language", choices=sorted(SHOWN), required=True)
    parser.add_argument("--size", type=int, default=512, help="that of the recipe's embedding")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    try:
        vocabulary = Vocabulary.load(given.dataset / f"vocabulary_{given.language}.txt")
        captions = list(_captions(given.dataset, given.language))
        vectors = train_word2vec(captions, vocabulary, given.size, given.epochs, given.seed)
    except (DatasetError, FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    save_word2vec(given.out, vectors, vocabulary)
    for word in SHOWN[given.language]:
        if word in vocabulary.words:
            print(f"{word}: {', '.join(nearest(vectors, vocabulary, word))}")


if __name__ == "__main__":
    main()
