"""Opens a checkpoint folder and refuses one that is incomplete, altered or mismatched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.captioning.confidence import Confidence
from app.captioning.evidence import Evidence
from app.captioning.objects import objects
from app.captioning.visual_words import VisualWords
from app.captioning.vocabulary import START, Vocabulary

FORMAT = 2
MANIFEST = "manifest.json"
FROZEN_GRAPH = "frozen_graph.pb"
DETECTOR = "detector.tflite"
"""Where words can point at what it finds."""
SMOOTH, SAMPLED = RESIZINGS = ("smooth", "sampled")
"""How photos are made as small as the encoder takes them; see captioner.squash()."""


class CheckpointError(Exception):
    """A checkpoint cannot be used; the message is a sentence for the person who runs the server."""


@dataclass(frozen=True)
class Details:
    """Words that a caption is better without than wrong, and from which probability on it has
    them, above 0."""

    words: tuple[str, ...]
    least_probability: float


@dataclass(frozen=True)
class Neutral:
    """Words of which a third is said where it is doubtful which of two is right: man, woman, and
    person. Only words of the vocabulary are, not those of decoders whose words point."""

    words: tuple[tuple[str, ...], ...]
    """Three each."""
    least_share: float
    """The share of the probability of both, from 0.5 to 1, below which the likelier is doubtful."""


@dataclass(frozen=True)
class LanguageModel:
    """What a checkpoint holds for one language."""

    vocabulary: Vocabulary
    max_words: int
    length_penalty: float
    start: str = START
    """The word that captions begin with, unseen: `<start>`, or a style."""
    visual_words: VisualWords | None = None
    """Where words point at what a detector finds."""
    confidence: Confidence | None = None
    """Where it was measured what its probabilities are worth."""
    repeatable: frozenset[str] | None = None
    """The words that a caption may say twice, where it was measured which people do."""
    details: Details | None = None
    """Where captions leave out what is doubtful."""
    neutral: Neutral | None = None
    """Where captions do not say of people what is doubtful."""
    evidence: Evidence | None = None
    """Where the photo has a say beside the decoder."""


@dataclass(frozen=True)
class Checkpoint:
    """A checked folder of model_assets/."""

    folder: Path
    name: str
    photo_size: int
    """Height and width, in pixels, of the photos that the encoder takes."""
    languages: dict[str, LanguageModel]
    files: Mapping[str, str]
    """SHA-256 of those that the manifest lists, all checked, by their names."""
    resizing: str = SMOOTH
    """One of RESIZINGS."""

    def file(self, name: str) -> Path:
        return self.folder / name

    def without_detector(self) -> Checkpoint:
        """The same without its detector, where its decoders do not need one."""
        if any(model.visual_words for model in self.languages.values()):
            return self
        files = {name: digest for name, digest in self.files.items() if name != DETECTOR}
        return replace(self, files=files)


def open_checkpoint(folder: Path) -> Checkpoint:
    """Reads a checkpoint's manifest and checks every file it lists.

    Raises:
        CheckpointError: saying which file is wrong, why, and what to do.
    """
    manifest = _read_manifest(folder)
    try:
        for name, digest in manifest["files"].items():
            # Left out where only LiteRT runs; the engine that reads it says when it is missing.
            if name != FROZEN_GRAPH or (folder / name).exists():
                _verify(folder, name, digest)
        languages = {
            language: _language(folder, manifest, language) for language in manifest["languages"]
        }
        if not languages:
            raise ValueError("it names no language")
        _check_visual_words(languages, manifest["files"])
        for language, model in languages.items():
            if model.start not in model.vocabulary.words:
                raise ValueError(f"the {language!r} vocabulary has no word {model.start}")
        resizing = manifest["encoder"].get("resizing", SMOOTH)
        if resizing not in RESIZINGS:
            raise ValueError(f"the encoder's resizing is {resizing!r}")
        return Checkpoint(
            folder,
            str(manifest["name"]),
            int(manifest["encoder"]["photo_size"]),
            languages,
            dict(manifest["files"]),
            resizing,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise _broken(folder, f"{MANIFEST} does not describe a checkpoint: {problem}") from error


def visual_words_file(language: str) -> str:
    return f"visual_words_{language}.json"


def evidence_file(language: str) -> str:
    return f"evidence_{language}.npz"


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"There is no checkpoint in {folder}: {MANIFEST} is missing. "
            "Name a folder of model_assets/ in KANTU_MODELS."
        ) from error
    except (OSError, ValueError) as error:
        raise _broken(folder, f"{MANIFEST} cannot be read ({error})") from error
    if not isinstance(manifest, dict):
        raise _broken(folder, f"{MANIFEST} does not describe a checkpoint")
    if manifest.get("format") != FORMAT:
        raise CheckpointError(
            f"The checkpoint {folder} has format {manifest.get('format')!r}; this version of Kantu "
            f"reads format {FORMAT}. Update Kantu, or export the checkpoint again."
        )
    return manifest


def _language(folder: Path, manifest: dict[str, Any], language: str) -> LanguageModel:
    entry = manifest["languages"][language]
    vocabulary = Vocabulary.load(_listed(folder, manifest, f"vocabulary_{language}.txt"))
    visual, proof = visual_words_file(language), evidence_file(language)
    return LanguageModel(
        vocabulary,
        int(entry["max_words"]),
        float(entry["length_penalty"]),
        str(entry.get("start", START)),
        VisualWords.load(folder / visual, vocabulary) if visual in manifest["files"] else None,
        _confidence(entry["confidence"]) if "confidence" in entry else None,
        frozenset(map(str, entry["repeatable"])) if "repeatable" in entry else None,
        _details(entry["details"]) if "details" in entry else None,
        _neutral(entry["neutral"], vocabulary) if "neutral" in entry else None,
        Evidence.load(folder / proof, len(vocabulary)) if proof in manifest["files"] else None,
    )


def _confidence(entry: Mapping[str, Any]) -> Confidence:
    return Confidence(float(entry["sure"]), float(entry["unsure"]))


def _details(entry: Mapping[str, Any]) -> Details:
    least = float(entry["least_probability"])
    if not 0 < least <= 1:
        raise ValueError(f"the least probability of details is {least}")
    return Details(tuple(map(str, entry["words"])), least)


def _neutral(entry: Mapping[str, Any], vocabulary: Vocabulary) -> Neutral:
    least = float(entry["least_share"])
    if not 0.5 <= least <= 1:
        raise ValueError(f"the least share of words for people is {least}")
    words, known = tuple(tuple(map(str, three)) for three in entry["words"]), set(vocabulary.words)
    for three in words:
        if len(three) != 3 or not known.issuperset(three):
            raise ValueError(f"its words for people are not three of the vocabulary: {three}")
    return Neutral(words, least)


def _check_visual_words(languages: dict[str, LanguageModel], files: Mapping[str, str]) -> None:
    """Raises ValueError where words point, and there is nothing to point at."""
    classes = {model.visual_words and model.visual_words.classes for model in languages.values()}
    if len(classes) > 1:
        raise ValueError("its languages have visual words for different classes")
    if classes == {None}:
        return  # nor is the list of classes read
    if DETECTOR not in files:
        raise ValueError(f"it has visual words and no {DETECTOR}")
    if classes != {tuple(objects())}:
        raise ValueError("its visual words are not for the classes that detectors find")


def _verify(folder: Path, name: str, digest: str) -> None:
    if Path(name).name != name:
        raise _broken(folder, f"{MANIFEST} names a file outside the folder ({name})")
    try:
        actual = sha256(folder / name)
    except OSError as error:
        raise _broken(folder, f"{name} cannot be read ({error.strerror})") from error
    if actual != digest:
        raise _broken(folder, f"{name} is not the file that {MANIFEST} names (SHA-256 differs)")


def _listed(folder: Path, manifest: dict[str, Any], name: str) -> Path:
    if name not in manifest["files"]:
        raise ValueError(f"it lists no {name}")
    return folder / name


def _broken(folder: Path, problem: str) -> CheckpointError:
    return CheckpointError(
        f"The checkpoint {folder} is broken: {problem}. Fetch the folder again, or export it anew."
    )
