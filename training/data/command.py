"""What the commands that write a dataset share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from training.data.tfrecord import DatasetError


def dataset_parser(description: str) -> argparse.ArgumentParser:
    """A parser that knows the options of every such command."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, required=True, help="folder of the dataset to write")
    parser.add_argument("--shards", type=positive, default=8, help="files per split (default: 8)")
    return parser


def positive(text: str) -> int:
    """An option's value. Raises argparse.ArgumentTypeError where it is no number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number, at least 1")
    return int(text)


def run(
    parser: argparse.ArgumentParser,
    write: Callable[..., object],
    arguments: Sequence[str] | None,
) -> None:
    """Calls write with the options by their names, and prints its summary or what is wrong."""
    options = parser.parse_args(arguments)
    try:
        print(write(**vars(options)))
    except (DatasetError, OSError) as error:
        parser.exit(1, f"{error}\n")
