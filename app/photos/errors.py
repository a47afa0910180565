"""Why a photo is refused, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import N_, PublicError
from app.photos.kinds import Kind

MiB = 1024 * 1024


class PhotoError(PublicError):
    """Why a photo was refused."""


class EmptyPhoto(PhotoError):
    code = "empty_photo"
    message = N_("This file is empty. Choose another photo.")


class PhotoTooLarge(PhotoError):
    """Also of photos that are not read, because their length alone says it."""

    code = "photo_too_large"
    message = N_(
        "This photo is larger than %(limit)g MB. Make it smaller, or save it at a lower "
        "quality, and send it again."
    )

    def __init__(self, max_bytes: int):
        super().__init__(limit=megabytes(max_bytes))


class TooManyPixels(PhotoError):
    code = "too_many_pixels"
    message = N_(
        "This photo has %(width)d × %(height)d pixels, more than the %(limit)g megapixels "
        "that can be read. Make it smaller and send it again."
    )

    def __init__(self, width: int, height: int, most: float):
        super().__init__(width=width, height=height, limit=rounded(most / 1e6))


class NoPhoto(PhotoError):
    code = "not_jpeg"
    message = N_(
        "This file is not a %(kinds)s photo. Save or export the photo as %(kinds)s and send that."
    )


class OtherKind(NoPhoto):
    message = N_(
        "This file is %(format)s, not %(kinds)s. Save or export the photo as %(kinds)s and send "
        "that."
    )


class CorruptPhoto(PhotoError):
    code = "corrupt_photo"
    message = N_(
        "This photo is damaged or incomplete. Open it on your device, save it as JPEG again, "
        "and send the new file."
    )


def titles(kinds: Sequence[Kind]) -> str:
    """As sentences in every language have them: JPEG/PNG/WebP."""
    return "/".join(kind.title for kind in kinds)


def megabytes(size: int) -> float:
    return rounded(size / MiB)


def rounded(amount: float) -> float:
    """To a tenth, or, below 1, to two digits that count: for sentences."""
    return round(amount, 1) if amount >= 1 else float(f"{amount:.2g}")
