"""Photos with random damage, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from tests.hostile.corpus import originals
from tests.hostile.jpegs import segments

INTERESTING = bytes((0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, 0xC4, 0xD8, 0xD9, 0xDA, 0xDB))


def mutants(number: int, seed: int = 0) -> Iterator[bytes]:
    random = Random(seed)
    photos = list(originals().values())
    for _ in range(number):
        yield damaged(random.choice(photos), random)


def damaged(photo: bytes, random: Random) -> bytes:
    """In one place, or in several."""
    left = bytearray(photo)
    for _ in range(random.choice((1, 1, 2, 4, 16, 64))):
        random.choice(DAMAGES)(left, random)
    return bytes(left)


def _flip_a_bit(photo: bytearray, random: Random) -> None:
    photo[_anywhere(photo, random)] ^= 1 << random.randrange(8)


def _set_a_byte(photo: bytearray, random: Random) -> None:
    photo[_anywhere(photo, random)] = random.choice(INTERESTING)


def _change_a_header(photo: bytearray, random: Random) -> None:
    """Where a change does most: in a segment's length and first bytes."""
    found = segments(bytes(photo))
    if found:
        at = random.choice(found).start + random.randrange(2, 16)
        photo[at : at + 1] = bytes([random.choice(INTERESTING)])


def _cut_out(photo: bytearray, random: Random) -> None:
    at = _anywhere(photo, random)
    del photo[at : at + random.randrange(1, 200)]
    photo += b"\xff"  # never empty


def _repeat(photo: bytearray, random: Random) -> None:
    at = _anywhere(photo, random)
    photo[at:at] = photo[at : at + random.randrange(1, 2000)]


def _cut_off(photo: bytearray, random: Random) -> None:
    del photo[1 + _anywhere(photo, random) :]


def _add_a_marker(photo: bytearray, random: Random) -> None:
    at = _anywhere(photo, random)
    photo[at:at] = bytes((0xFF, random.randrange(0xC0, 0xFF), 0, random.randrange(256)))


def _anywhere(photo: bytearray, random: Random) -> int:
    return random.randrange(len(photo))


Damage = Callable[[bytearray, Random], None]
DAMAGES: tuple[Damage, ...] = (
    _flip_a_bit,
    _set_a_byte,
    _change_a_header,
    _cut_out,
    _repeat,
    _cut_off,
    _add_a_marker,
)
