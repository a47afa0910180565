"""The folder of one training: what was really run, how it went, and the weights that it keeps.

run.json             the recipe, what it was run on, and each leg of it as far as it went
vocabulary_en.txt …
log.jsonl            the figures of each epoch that was evaluated
curves-en.png …      the same as pictures
samples/             captions of the same dev photos after each of these
weights.npz          the weights that are kept, float32, each by its part and path
state.npz            to go on from, in the middle of a leg

None of it depends on a backend: a training may go on on another machine, with another backend.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np

from app.captioning.vocabulary import Vocabulary, sentence
from training.data.corpus import Corpus
from training.plots import draw_curves
from training.recipes import Leg, Recipe, recipe_from_json
from training.saving import save_arrays, save_json
from training.train.distribution import is_chief
from training.train.model import CaptioningModel

RUN, LOG, WEIGHTS, STATE = "run.json", "log.jsonl", "weights.npz", "state.npz"
SAMPLES = 10
BEFORE = 0
"""The epoch that is kept where none of a leg's is better than what was kept before."""

Scores = dict[str, float]


@dataclass
class LegRecord:
    """How far a leg is. It goes into the manifest as it stands here."""

    stage: dict[str, Any]
    decoders: tuple[str, ...]
    epochs_run: int = 0
    epoch_kept: int | str = BEFORE
    """"mean" where it is the mean of the last ones."""
    backends: list[str] = field(default_factory=list)
    scores: dict[str, Scores] = field(default_factory=dict)
    """On dev, by decoder, of what is kept."""


class Run:
    """A run folder, opened for a training of its recipe."""

    def __init__(self, folder: Path, recipe: Recipe, facts: Mapping[str, Any]):
        """Begins the folder, or takes up what is there.

        Args:
            facts: what it is run on: the hashes of data and weights, and what it began from.

        Raises:
            ValueError: the folder holds a training of another recipe or on other data, or lacks a
                part of one.
        """
        self.folder, self.recipe = folder, recipe
        self.begun = has_begun(folder)
        """Whether what is there is gone on with."""
        described = json.loads(json.dumps({"recipe": recipe.as_json(), **facts}))
        if self.begun:
            self.record = read_record(folder)
            self._check(described)
        elif (folder / STATE).exists():
            raise ValueError(
                f"{folder} has lost its {WEIGHTS} or its {RUN}: copy it again, or choose another "
                "--run"
            )
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self.record = described | {"commits": [], "legs": []}
        self.legs = _legs(self.record.pop("legs"), folder / RUN)
        commit = current_commit()
        if commit not in self.record["commits"]:
            self.record["commits"].append(commit)

    def _check(self, described: dict[str, Any]) -> None:
        differing = [name for name in described if self.record.get(name) != described[name]]
        if "recipe" in differing and recipe_from_json(self.record["recipe"]) == self.recipe:
            # It was written before there was a value that this recipe leaves as it is by default.
            differing.remove("recipe")
        if differing:
            raise ValueError(
                f"{self.folder} holds a training of another recipe or on other data "
                f"(another {' and '.join(differing)}); choose another --run, or remove it"
            )

    def save_record(self) -> None:
        legs = [asdict(leg) for leg in self.legs]
        if is_chief():
            save_json(self.folder / RUN, self.record | {"legs": legs})

    def begin_leg(self, nth: int, leg: Leg) -> LegRecord:
        """The record of a leg that begins or goes on."""
        if nth == len(self.legs):
            stage = {"loss": leg.stage.loss, **asdict(leg.stage)}
            self.legs.append(LegRecord(stage, leg.decoders))
        record = self.legs[nth]
        if keras.backend.backend() not in record.backends:
            record.backends.append(keras.backend.backend())
        return record

    def kept_scores(self, decoder: str) -> Scores | None:
        """Of the weights that are kept; None before there are any."""
        of_decoder = [leg.scores[decoder] for leg in self.legs if decoder in leg.scores]
        return of_decoder[-1] if of_decoder else None

    def keep(self, model: CaptioningModel) -> None:
        """Writes the weights that are to be kept."""
        save_arrays(self.folder / WEIGHTS, weights_of(model))

    def save_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Writes what the leg goes on from, and the record that belongs to it."""
        legs = json.dumps([asdict(leg) for leg in self.legs])
        if is_chief():
            save_arrays(self.folder / STATE, arrays | {"legs": np.array(legs)})
        self.save_record()

    def load_state(self) -> dict[str, np.ndarray] | None:
        """What save_state() wrote, the record with it; None where nothing was. Raises ValueError
        where it is damaged."""
        path = self.folder / STATE
        if not path.exists():
            return None
        state = _load_arrays(path)
        if "legs" not in state:
            raise ValueError(f"{path} is damaged (no legs); copy it again, or train anew")
        self.legs = _legs(json.loads(state.pop("legs").item()), path)
        return state

    def log(self, figures: Mapping[str, Any]) -> None:
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(figures, ensure_ascii=False) + "\n")

    def draw(self, decoder: str) -> None:
        """The curves of one decoder."""
        log = read_log(self.folder, decoder)
        draw_curves(log, f"{self.folder.name}, {decoder}").savefig(
            self.folder / f"curves-{decoder}.png"
        )

    def write_samples(
        self, decoder: str, epoch: int, dev: Corpus, captions: Sequence[tuple[str, ...]]
    ) -> None:
        """Captions of some dev photos, the same ones after each epoch."""
        folder = self.folder / "samples" / decoder
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"# After epoch {epoch}"]
        for photo in np.unique(np.linspace(0, len(dev) - 1, SAMPLES, dtype=int)):
            ours, reference = (
                sentence(words, dev.language) for words in (captions[photo], dev.captions[photo][0])
            )
            lines += ["", f"## {dev.names[photo]}", "", f"- caption: {ours}"]
            lines += [f"- reference: {reference}"]
        text = "\n".join(lines) + "\n"
        (folder / f"epoch-{epoch:02}.md").write_text(text, encoding="utf-8")


def has_begun(folder: Path) -> bool:
    """Whether there is a training to go on with. What lies there without weights is of one that was
    stopped before it had any."""
    return (folder / RUN).exists() and (folder / WEIGHTS).exists()


def read_record(folder: Path) -> dict[str, Any]:
    """What run.json says.

    Raises:
        FileNotFoundError: there is no run.
        ValueError: the file is damaged.
    """
    path = folder / RUN
    if not path.exists():
        raise FileNotFoundError(f"{folder} holds no training: it has no {RUN}")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not {"recipe", "legs", "commits"} <= record.keys():
            raise ValueError("a part is missing")
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error}); copy it again, or train anew") from error
    return record


def _legs(entries: Sequence[Mapping[str, Any]], path: Path) -> list[LegRecord]:
    try:
        return [LegRecord(**entry) for entry in entries]
    except TypeError as error:
        raise ValueError(f"{path} is one of another version of this program: {error}") from error


def read_log(folder: Path, decoder: str) -> list[dict[str, Any]]:
    """The figures of each epoch of a decoder that was evaluated, in order, epochs of all legs being
    counted; of one that was trained again after a kill the last."""
    entries: dict[tuple[int, int], dict[str, Any]] = {}
    for line in (folder / LOG).read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if decoder in entry["dev"]:
            dev = {f"dev/{name}": value for name, value in entry["dev"][decoder].items()}
            # Logs of before have the figures of all decoders together.
            train = entry["train"].get(decoder, entry["train"])
            entries[entry["leg"], entry["epoch"]] = {**train, **dev}
    counted, before, reached, of_leg = [], 0, 0, 0
    for leg, epoch in sorted(entries):
        if leg != of_leg:
            before, of_leg = reached, leg
        reached = before + epoch
        counted.append({"epoch": reached, **entries[leg, epoch]})
    return counted


def read_vocabulary(folder: Path, language: str) -> Vocabulary:
    return Vocabulary.load(_vocabulary_file(folder, language))


def save_vocabulary(vocabulary: Vocabulary, folder: Path, language: str) -> None:
    vocabulary.save(_vocabulary_file(folder, language))


def _vocabulary_file(folder: Path, language: str) -> Path:
    return folder / f"vocabulary_{language}.txt"


def weights_of(model: CaptioningModel) -> dict[str, np.ndarray]:
    """All weights, float32, by PART/PATH."""
    return {
        f"{part}/{path}": variable.numpy()
        for part, layer in model.parts().items()
        for path, variable in by_path(layer).items()
    }


def assign_weights(model: CaptioningModel, arrays: Mapping[str, np.ndarray]) -> None:
    """Puts weights in place that weights_of() gave.

    Raises:
        ValueError: some are missing, or of another shape.
    """
    for part, layer in model.parts().items():
        assign_part(part, layer, arrays)


def assign_part(part: str, layer: keras.layers.Layer, arrays: Mapping[str, np.ndarray]) -> None:
    """The same of one part, such as "encoder_stage" or "en"."""
    for path, variable in by_path(layer).items():
        array = arrays.get(f"{part}/{path}")
        if array is None or array.shape != tuple(variable.shape):
            raise ValueError(
                f"there are no weights that fit {part}/{path}: what they come from has another "
                "architecture, other sizes or another vocabulary"
            )
        variable.assign(array)


def by_path(layer: keras.layers.Layer) -> dict[str, keras.Variable]:
    """A layer's weights by their paths inside it; an encoder's, whose layers Keras numbers as it
    goes, by their places."""
    if hasattr(layer, "inputs"):
        return {f"{nth:03}": variable for nth, variable in enumerate(layer.weights)}
    return {variable.path.split("/", 1)[-1]: variable for variable in layer.weights}


def load_weights(folder: Path) -> dict[str, np.ndarray]:
    """The weights that a run keeps, as assign_weights() takes them.

    Raises:
        FileNotFoundError: there are none yet.
        ValueError: their file is damaged.
    """
    return _load_arrays(folder / WEIGHTS)


def _load_arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return {name: arrays[name] for name in arrays}
    except (ValueError, EOFError, BadZipFile) as error:
        raise ValueError(f"{path} is damaged ({error}); copy it again, or train anew") from error


def current_commit() -> str:
    """Of this code, "-dirty" after it where files differ from it; "unknown" outside a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--match="]
    try:
        found = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()
