"""Variables out of checkpoints of TensorFlow 1's Saver.

There are two formats: one file, and since TensorFlow 0.12 an index (NAME.index) with its values
beside it (NAME.data-00000-of-00001). What is wrong with a download is said of the file it is wrong
with, before TensorFlow, whose own messages are about tables and blocks, is given it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np

from training.encoders.encoder import WeightsError

STATE = "checkpoint"
"""The file in which the Saver names the newest checkpoint of its folder."""
SUFFIX = re.compile(r"(?<=.)\.(index|meta|data-\d+-of-\d+)$")
FIRST_FORMAT = re.compile(r"\.ckpt(-\d+)?$")
"""How the name of a file of the first format ends, as im2txt and TF-Slim chose it."""

FOOTER = 48
MAGIC = bytes.fromhex("57fb808b247547db")
"""With which an index, and a file of the first format, ends: both are tables of LevelDB's kind."""
BLOCK_TRAILER = 5

STRANGERS = (
    (rb"(?i)(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml)", "a web page; download the file itself"),
    (rb"version https://git-lfs", "a pointer of Git LFS; fetch the file with 'git lfs pull'"),
    (rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!", "an archive; unpack it"),
    (rb"\x89HDF", "a file of Keras (HDF5), which is no checkpoint of TensorFlow 1"),
)
"""What people have by the name of what they wanted: how it begins, and what it is."""

AGAIN = "Fetch it again."

Read = TypeVar("Read")


class Variables:
    """An open checkpoint."""

    def __init__(self, path: Path, values: Path, reader: Any):
        self.path = path
        """As find_checkpoint() found it."""
        self._values_file = values
        self._reader = reader
        self._dtypes = reader.get_variable_to_dtype_map()
        self._shapes = reader.get_variable_to_shape_map()

    def __contains__(self, name: str) -> bool:
        return name in self._shapes

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    @property
    def bytes(self) -> int:
        """How many its values take, at least."""
        shapes = self._shapes.items()
        return sum(math.prod(shape) * self._dtypes[name].size for name, shape in shapes)

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._shapes[name])

    def require(self, kind: str, *names: str) -> None:
        """Raises WeightsError where it lacks one of them.

        Args:
            kind: what has them all, for the sentence.
        """
        missing = [name for name in names if name not in self]
        if missing:
            raise WeightsError(
                f"{self.path} is not a checkpoint of {kind}: it has no {', '.join(missing)}."
            )

    def read(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """The values of a variable that the checkpoint has, float32.

        Raises:
            WeightsError: they have another shape, are not finite floating-point numbers, or are
                damaged.
        """
        if self.shape(name) != shape:
            raise WeightsError(
                f"{name} in {self.path} has the shape {times(self.shape(name))}, where "
                f"{times(shape)} belongs. Give a checkpoint that fits."
            )
        if not self._dtypes[name].is_floating:
            raise WeightsError(
                f"{name} in {self.path} holds {self._dtypes[name].name}, and not floating-point "
                "numbers. Give a checkpoint of the training itself."
            )
        values = _reading(
            lambda: np.asarray(self._reader.get_tensor(name)),
            f"{self._values_file} is damaged: its values of {name} are not those that were saved. "
            f"{AGAIN}",
        ).astype(np.float32)
        wrong = values.size - int(np.isfinite(values).sum())
        if wrong:
            raise WeightsError(
                f"{name} in {self.path} has {wrong:,} of {values.size:,} values that are NaN or "
                "infinite: the training had failed before it was saved. Give an earlier checkpoint."
            )
        return values


@contextmanager
def open_variables(path: Path) -> Iterator[Variables]:
    """Opens a checkpoint, once its files are there and whole.

    Args:
        path: as of find_checkpoint().

    Raises:
        FileNotFoundError: there is no such checkpoint.
        WeightsError: one of its files is missing, cut short, damaged, or something else.
    """
    # Here, for encoders of other weights need no TensorFlow.
    import tensorflow as tf

    checkpoint = find_checkpoint(path)
    files = _checked_files(checkpoint)
    with TemporaryDirectory() as folder:
        # TensorFlow takes a path for a pattern, in which [ and * mean something.
        for file in files:
            (Path(folder) / f"link{file.name.removeprefix(checkpoint.name)}").symlink_to(
                file.absolute()
            )
        variables = _reading(
            lambda: Variables(checkpoint, files[-1], tf.train.load_checkpoint(f"{folder}/link")),
            f"{files[0]} is damaged. {AGAIN}",
        )
        _check_length(variables, files[1:])
        yield variables


def find_checkpoint(path: Path) -> Path:
    """The path that TensorFlow's Saver was given, such as model.ckpt-2000000.

    Args:
        path: that path, one of the files that begin with it, or their folder: there the one that
            its state file names, else the only one.

    Raises:
        FileNotFoundError: there is nothing of the kind.
        WeightsError: the folder cannot be read, has several and does not say which, or does not
            have the one that it names.
    """
    if path.name == STATE and os.path.isfile(path):
        path = path.parent
    try:
        if not os.path.isdir(path):
            return path.with_name(SUFFIX.sub("", path.name))
        return _newest(path)
    except OSError as error:
        if not error.errno:
            raise
        raise _unreadable(path, error) from error


def checkpoint_file(path: Path) -> Path:
    """The file with the values, where path is the prefix of a checkpoint's files."""
    values = path.with_name(f"{path.name}.data-00000-of-00001")
    return values if values.is_file() and not path.is_file() else path


def refuse_strangers(path: Path, start: bytes) -> None:
    """Raises WeightsError where a file begins as something that is often downloaded instead."""
    if not start:
        raise WeightsError(f"{path} is empty: its download failed. {AGAIN}")
    for pattern, kind in STRANGERS:
        if re.match(pattern, start):
            raise WeightsError(f"{path} is {kind}.")


def _newest(folder: Path) -> Path:
    names = sorted({SUFFIX.sub("", name) for name in os.listdir(folder) if _is_checkpoint(name)})
    found = " and ".join(names)
    state = folder / STATE
    if state.is_file():
        text = state.read_text(encoding="utf-8", errors="replace")
        named = re.search(r'^model_checkpoint_path: *"(?:.*/)?(.+)"', text, re.MULTILINE)
        # Its folder is that of the machine that trained.
        if named and named[1] in names:
            return folder / named[1]
        if named:
            raise WeightsError(
                f"{state} names {named[1]}, which is not there"
                + (f", but {found}; give the path of what you mean." if names else ". Fetch it.")
            )
    if not names:
        raise FileNotFoundError(f"There is no checkpoint in {folder}.")
    if len(names) > 1:
        raise WeightsError(
            f"{folder} has several checkpoints, {found}, and no file that names the newest; give "
            "the path of one."
        )
    return folder / names[0]


def _is_checkpoint(name: str) -> bool:
    return bool(SUFFIX.search(name) or FIRST_FORMAT.search(name))


def _checked_files(checkpoint: Path) -> list[Path]:
    """Of the second format the index and those with the values; of the first its only one.

    Raises as open_variables() does.
    """
    index = checkpoint.with_name(f"{checkpoint.name}.index")
    values = _values_files(checkpoint)
    if os.path.lexists(index):
        _check_table(index)
        for file in values:
            if not os.path.lexists(file):
                raise WeightsError(
                    f"{file} is missing: {index.name} only says where in it the values are. Fetch "
                    "it into the same folder."
                )
            refuse_strangers(file, _ends(file)[0])
        return [index, *values]
    if os.path.lexists(checkpoint):
        _check_table(checkpoint)
        return [checkpoint]
    for part in (*values, checkpoint.with_name(f"{checkpoint.name}.meta")):
        if os.path.lexists(part):
            raise WeightsError(
                f"{index} is missing: {part.name} is of no use without it. Fetch it into the same "
                "folder."
            )
    raise FileNotFoundError(f"There is no checkpoint at {checkpoint}.")


def _values_files(checkpoint: Path) -> list[Path]:
    """Those that a checkpoint of the second format has, or should have."""
    pattern = re.compile(re.escape(checkpoint.name) + r"\.data-\d{5}-of-(\d{5})")
    try:
        found = list(filter(None, map(pattern.fullmatch, os.listdir(checkpoint.parent))))
    except OSError:
        found = []
    count = max((int(one[1]) for one in found), default=1)
    return [
        checkpoint.with_name(f"{checkpoint.name}.data-{number:05}-of-{count:05}")
        for number in range(count)
    ]


def _check_table(path: Path) -> None:
    start, end, length = _ends(path)
    refuse_strangers(path, start)
    if not end.endswith(MAGIC):
        raise WeightsError(f"{path} is cut short, or is no TensorFlow checkpoint. {AGAIN}")
    # TensorFlow sets memory aside for as much as a damaged footer asks for.
    (offset, size), _ = _handle(end, _handle(end, 0)[1])
    if offset + size + BLOCK_TRAILER > length:
        raise WeightsError(f"{path} is damaged. {AGAIN}")


def _check_length(variables: Variables, files: list[Path]) -> None:
    """Raises WeightsError where the files of the second format have not all of its values."""
    length = sum(file.stat().st_size for file in files)
    if files and length < variables.bytes:
        raise WeightsError(
            f"{files[-1]} is cut short: {length:,} of {variables.bytes:,} bytes are there. {AGAIN}"
        )


def _ends(path: Path) -> tuple[bytes, bytes, int]:
    """A file's first bytes, its last, and how many it has. Raises WeightsError."""
    try:
        with path.open("rb") as file:
            start = file.read(FOOTER)
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - FOOTER))
            return start, file.read(), length
    except OSError as error:
        raise _unreadable(path, error) from error


def _handle(footer: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Where a block is and how long, and where what follows that in the footer begins."""
    offset, at = _varint(footer, at)
    size, at = _varint(footer, at)
    return (offset, size), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number in LevelDB's writing, and where what follows it begins."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def _reading(read: Callable[[], Read], problem: str) -> Read:
    """What read() returns. Raises WeightsError, with this problem, where TensorFlow cannot."""
    import tensorflow as tf

    # TensorFlow turns the statuses of its reader into any of these.
    try:
        return read()
    except (tf.errors.OpError, RuntimeError, ValueError, IndexError, MemoryError) as error:
        raise WeightsError(problem) from error


def _unreadable(path: Path, error: OSError) -> WeightsError:
    return WeightsError(f"{path} cannot be read ({error.strerror}).")


def times(shape: Iterable[int]) -> str:
    """A shape as sentences have it."""
    return " × ".join(map(str, shape)) or "of one number"
