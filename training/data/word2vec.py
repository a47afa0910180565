"""Word vectors of the captions: skip-gram with negative sampling (Mikolov et al. 2013b).

A decoder's word embedding may start from them: words that stand in the same places start close to
each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np
from keras import ops
from tqdm import tqdm

from app.captioning.vocabulary import Vocabulary
from training.encoders.encoder import Tensor

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
JIT = keras.backend.backend() == "jax"


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
        float32 (vocabulary, size), mean 0 and deviation 1 over all values. The same for the same
        arguments.
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
    return normalise(random, np.asarray(model.centres), counts)


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


class SkipGram(keras.Model):
    """Two vectors a word, as centre and as context, whose product says whether they go together."""

    def __init__(self, random: np.random.Generator, vocabulary_size: int, size: int):
        super().__init__()
        start = random.uniform(-0.5 / size, 0.5 / size, (vocabulary_size, size))
        self.centres = keras.Variable(start, dtype="float32")
        self.contexts = keras.Variable(np.zeros((vocabulary_size, size)), dtype="float32")
        self.compile(keras.optimizers.Adam(LEARNING_RATE), jit_compile=JIT)

    def build(self, *shapes: object) -> None:
        """There is nothing to build."""

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
            self.train_on_batch({"pairs": batch, "negatives": negatives})

    def call(self, batch: Mapping[str, Tensor]) -> Tensor:
        """The loss of pairs int32 (pairs, 2), which share negatives int32 (words,)."""
        pairs, negatives = batch["pairs"], batch["negatives"]
        # Times 1 for gradients that are dense: a batch has a good part of so small a vocabulary.
        centres, contexts = 1.0 * self.centres, 1.0 * self.contexts
        vectors = ops.take(centres, pairs[:, 0], axis=0)
        together = ops.sum(vectors * ops.take(contexts, pairs[:, 1], axis=0), axis=1)
        apart = ops.matmul(vectors, ops.transpose(ops.take(contexts, negatives, axis=0)))
        # Equation 4: -log sigmoid(x) is softplus(-x).
        loss = ops.softplus(-together) + NEGATIVES * ops.mean(ops.softplus(apart), axis=1)
        self.add_loss(ops.mean(loss))
        return loss


def noise_distribution(counts: np.ndarray) -> np.ndarray:
    """Unigram counts to the power of 3/4, float64, summing to 1 (section 2.2)."""
    weights = counts**0.75
    return weights / weights.sum()


def normalise(random: np.random.Generator, vectors: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Vectors around their mean with deviation 1, float32; random where a word never came."""
    seen = counts > 0
    centred = vectors - vectors[seen].mean(axis=0)
    scaled = random.normal(size=vectors.shape)
    scaled[seen] = centred[seen] / centred[seen].std()
    return scaled.astype(np.float32)
