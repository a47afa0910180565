"""Hostile uploads, and what each may be answered.

An outcome is a status and the error's code, such as "422 corrupt_photo"; "200"; a status alone
where gunicorn answers before Kantu does; or "closed", where the connection ends without an answer.
"""

from __future__ import annotations

import gzip
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from app.config import MiB
from tests.hostile.jpegs import (
    END,
    FRAMES,
    HUFFMAN,
    QUANTISATION,
    SCAN,
    START,
    directory,
    entry,
    exif,
    first,
    flat,
    inserted,
    jpeg,
    picture,
    put,
    replaced,
    segment,
    segments,
    with_frame,
    with_size,
    without,
)

Allowed = frozenset[str]

CORRUPT = frozenset({"422 corrupt_photo"})
FINE = frozenset({"200"})
DAMAGED = CORRUPT | FINE
"""Libjpeg repairs much: whether it can is its business."""
OTHER_KIND = frozenset({"415 not_jpeg"})
TOO_MANY_PIXELS = frozenset({"413 too_many_pixels"})
WRONG_SIZE = DAMAGED | TOO_MANY_PIXELS
TOO_LARGE = frozenset({"413 photo_too_large", "413 request_too_large"})
BUSY = frozenset({"503 busy"})
NO_PHOTO = frozenset({"400 no_photo", "400 bad_request"})
"""Where there is none, or the form cannot be read."""
COMPRESSED = frozenset({"415 compressed_body"})
MALFORMED = frozenset({"400"})


@dataclass(frozen=True)
class Hostile:
    name: str
    send: Callable[[], Iterable[bytes]]
    """The whole request, piece by piece: an endless one would not fit into memory."""
    allowed: Allowed


def uploads() -> Iterator[Hostile]:
    for photo_name, data, allowed in photos():
        yield Hostile(photo_name, lambda data=data: [upload(data)], allowed)
    yield from forms()
    yield from requests()


# Photos

Photo = tuple[str, bytes, Allowed]


def photos() -> Iterator[Photo]:
    for kind in (
        truncated,
        damaged_tables,
        wrong_frames,
        wrong_scans,
        giants,
        polyglots,
        other_formats,
        metadata,
    ):
        yield from kind()


def originals() -> dict[str, bytes]:
    """One of each way in which a JPEG is built."""
    with_exif = Image.Exif()
    with_exif[0x0112] = 6
    return {
        "baseline": jpeg(),
        "progressive": jpeg(progressive=True),
        "grey": jpeg(picture().convert("L")),
        "cmyk": jpeg(picture().convert("CMYK")),
        "restarts": jpeg(restart_marker_blocks=1),
        "exif": jpeg(exif=with_exif, icc_profile=b"not a profile", comment=b"hello"),
    }


def truncated() -> Iterator[Photo]:
    for kind, data in originals().items():
        for number, one in enumerate(segments(data)):
            where = f"truncated/{kind}/{number:02d}-{one.marker:02x}"
            # Where a progressive photo ends behind whole scans, it is one, if a coarse one.
            yield f"{where}-before", data[: one.start], DAMAGED
            yield f"{where}-within", data[: (one.start + one.end) // 2], CORRUPT
            yield f"{where}-behind", data[: one.end], CORRUPT
        yield f"truncated/{kind}/half", data[: len(data) // 2], CORRUPT
        yield f"truncated/{kind}/last-byte", data[:-1], DAMAGED
        yield f"truncated/{kind}/no-end", data.removesuffix(END), DAMAGED
    yield "truncated/start-alone", START, CORRUPT
    yield "truncated/start-and-end", START + END, CORRUPT
    yield "truncated/one-byte", START[:1], OTHER_KIND
    yield "truncated/nothing", b"", frozenset({"400 empty_photo"})


def damaged_tables() -> Iterator[Photo]:
    data = jpeg()
    counts = range(16)
    tables = {
        "no-codes": bytes(17),
        "too-many-codes": b"\0" + b"\xff" * 16 + bytes(256),
        "more-codes-than-bits-allow": b"\0" + b"\x03" + bytes(15) + bytes(3),
        "class-9": b"\x90" + bytes(16),
        "number-7": b"\x07" + bytes(16),
        "values-missing": b"\0" + bytes(15) + b"\x10",
        "same-value": b"\0" + b"\0\x01\x02" + bytes(13) + b"\x05\x05\x05",
        "category-255": b"\0" + b"\0\x02" + bytes(14) + b"\xff\xff",
        "empty": b"",
    }
    for name, table in tables.items():
        yield f"huffman/{name}", replaced(data, HUFFMAN, segment(HUFFMAN, table)), DAMAGED
    start = first(data, HUFFMAN).start
    for count in counts:
        yield f"huffman/count-{count}", put(data, start + 5 + count, b"\x7f"), DAMAGED
    for length in (0, 1, 2, 3, 18, 0xFFFF):
        lying = put(data, start + 2, struct.pack(">H", length))
        yield f"huffman/length-{length}", lying, DAMAGED
    yield "huffman/none", without(data, HUFFMAN), DAMAGED
    yield "huffman/thousand", inserted(data, 1000 * segment(HUFFMAN, bytes(17))), DAMAGED

    start = first(data, QUANTISATION).start
    tables = {
        "zeros": bytes(65),
        "ones": b"\0" + b"\x01" * 64,
        "largest": b"\x10" + b"\xff" * 128,
        "16-bit-cut": b"\x10" + b"\xff" * 64,
        "precision-9": b"\x90" + bytes(64),
        "number-15": b"\x0f" + b"\x01" * 64,
        "short": b"\0" + bytes(10),
        "empty": b"",
    }
    for name, table in tables.items():
        new = segment(QUANTISATION, table)
        yield f"quantisation/{name}", replaced(data, QUANTISATION, new), DAMAGED
    for length in (0, 1, 2, 3, 66, 0xFFFF):
        lying = put(data, start + 2, struct.pack(">H", length))
        yield f"quantisation/length-{length}", lying, DAMAGED
    yield "quantisation/none", without(data, QUANTISATION), DAMAGED


def wrong_frames() -> Iterator[Photo]:
    for kind in ("baseline", "progressive"):
        data = originals()[kind]
        for width, height in (
            (0, 90),
            (120, 0),
            (0, 0),
            (1, 1),
            (119, 91),
            (1200, 900),
            (65535, 1),
            (1, 65535),
            (7000, 7000),
            (16384, 16384),
            (65535, 65535),
        ):
            yield f"size/{kind}/{width}x{height}", with_size(data, width, height), WRONG_SIZE
        for precision in (0, 7, 12, 16, 255):
            yield f"frame/{kind}/precision-{precision}", with_frame(data, 4, precision), CORRUPT
        for components in (0, 1, 2, 4, 5, 255):
            wrong = with_frame(data, 9, components)
            yield f"frame/{kind}/components-{components}", wrong, DAMAGED
        for sampling in (0x00, 0x01, 0x33, 0x41, 0x44, 0xFF):
            wrong = with_frame(data, 11, sampling)
            yield f"frame/{kind}/sampling-{sampling:02x}", wrong, DAMAGED
        yield f"frame/{kind}/table-9", with_frame(data, 12, 9), DAMAGED
        yield (
            f"frame/{kind}/same-ids",
            with_frame(data, 13, data[first(data, *FRAMES).start + 10]),
            DAMAGED,
        )
    data = jpeg()
    frame = first(data, *FRAMES)
    for marker in (0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCF):
        yield f"frame/sof-{marker:02x}", put(data, frame.start + 1, bytes([marker])), DAMAGED
    yield "frame/none", without(data, 0xC0), CORRUPT
    twice = data[: frame.end] + data[frame.start : frame.end] + data[frame.end :]
    yield "frame/twice", twice, DAMAGED
    larger = with_size(data, 8000, 8000)[frame.start : frame.end]
    yield "frame/second-larger", data[: frame.end] + larger + data[frame.end :], WRONG_SIZE
    yield "frame/second-behind-scan", data.removesuffix(END) + larger + END, WRONG_SIZE


def wrong_scans() -> Iterator[Photo]:
    data = jpeg()
    scan = first(data, SCAN)
    header = data[scan.start : scan.end]
    for offset, value in (
        (4, 0),
        (4, 5),
        (4, 255),
        (5, 99),
        (6, 0xFF),
        (11, 64),
        (12, 1),
        (13, 0xFF),
    ):
        yield f"scan/byte-{offset}-{value}", put(data, scan.start + offset, bytes([value])), DAMAGED
    yield "scan/none", data[: scan.start] + END, CORRUPT
    yield "scan/empty", data[: scan.end] + END, DAMAGED
    yield "scan/ones", data[: scan.end] + b"\xff\x00" * 5000 + END, DAMAGED
    yield "scan/zeros", data[: scan.end] + bytes(5000) + END, DAMAGED
    yield "scan/markers", data[: scan.end] + b"\xff\xd0\xff\xd7" * 5000 + END, DAMAGED
    yield "scan/before-frame", inserted(data, header), DAMAGED
    for times in (10, 99, 100, 10_000):
        yield f"scan/{times}-times", data.removesuffix(END) + times * header + END, DAMAGED
    yield "restart/every-block", inserted(data, segment(0xDD, b"\0\x01")), DAMAGED
    yield "restart/short", inserted(data, segment(0xDD, b"")), DAMAGED
    yield "restart/line-count", data.removesuffix(END) + segment(0xDC, b"\xff\xff") + END, DAMAGED
    coarse = jpeg(picture(640, 480), progressive=True)
    scans = [one for one in segments(coarse) if one.marker == SCAN]
    again = coarse[scans[1].start : scans[2].start]
    for times in (50, 80, 5000):
        many = coarse[: scans[2].start] + times * again + coarse[scans[2].start :]
        yield f"scan/progressive-{times}-times", many, DAMAGED


def giants() -> Iterator[Photo]:
    yield "giant/16k", flat(16_000, 16_000), TOO_MANY_PIXELS
    yield "giant/49-megapixels", flat(7000, 7000), FINE
    yield "giant/wide", flat(65_000, 700), FINE
    yield "giant/tall", flat(700, 65_000), FINE
    yield "giant/thread", flat(65_000, 1), FINE
    yield "giant/largest", largest(), FINE
    colours = Image.new("RGB", (4000, 4000), "red")
    yield "giant/progressive-colours", jpeg(colours, quality=10, progressive=True), FINE
    more = with_size(jpeg(progressive=True), 6900, 6900)
    yield "giant/progressive-too-many", more, TOO_MANY_PIXELS
    yield "giant/cmyk", jpeg(Image.new("CMYK", (3000, 3000)), quality=10), FINE
    yield "giant/unfinished", with_size(jpeg(progressive=True), 5000, 5000), DAMAGED
    yield "giant/10-megabytes", jpeg() + bytes(10 * MiB - len(jpeg())), DAMAGED
    yield "giant/11-megabytes", jpeg() + bytes(11 * MiB), TOO_LARGE
    # Markers may be preceded by any number of 0xff.
    yield "giant/filling", START + b"\xff" * 9_000_000 + jpeg()[3:], CORRUPT
    yield "giant/junk", inserted(jpeg(), bytes(9_000_000)), CORRUPT
    yield "giant/comments", inserted(jpeg(), 140 * segment(0xFE, bytes(65_533))), DAMAGED
    yield "giant/starts", START * 500_000 + jpeg(), CORRUPT


def largest() -> bytes:
    """What takes the most memory of all that is allowed: the decoder must keep all its pixels, and
    the file is filled up to 10 MB."""
    photo = jpeg(Image.new("L", (6900, 6900), 128), quality=10, progressive=True)
    return photo + bytes(10 * MiB - len(photo))


def polyglots() -> Iterator[Photo]:
    data = jpeg()
    page = b"<script>alert(1)</script><?php system('id'); ?>"
    yield "polyglot/script-in-comment", inserted(data, segment(0xFE, page)), FINE
    yield "polyglot/script-behind", data + page, FINE
    yield "polyglot/zip-behind", data + zipped(), FINE
    yield "polyglot/photo-behind", data + jpeg(), FINE
    yield "polyglot/megabytes-behind", data + bytes(5 * MiB), FINE
    yield "polyglot/script-before", page + data, OTHER_KIND
    yield "polyglot/zip-before", zipped() + data, OTHER_KIND
    yield "polyglot/gif-before", b"GIF89a" + data, OTHER_KIND
    yield "polyglot/pdf-before", b"%PDF-1.4\n" + data, OTHER_KIND
    yield "polyglot/start-before-png", START + saved("PNG"), CORRUPT
    yield "polyglot/photo-in-photo", inserted(data, segment(0xE1, jpeg(picture(60, 40)))), FINE


def other_formats() -> Iterator[Photo]:
    for kind in (
        "PNG",
        "GIF",
        "BMP",
        "TIFF",
        "WEBP",
        "PPM",
        "TGA",
        "ICO",
        "PCX",
        "JPEG2000",
        "PDF",
    ):
        yield f"format/{kind.lower()}.jpg", saved(kind), OTHER_KIND
    texts = {
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "xml-entities": b'<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]><x>&x;</x>',
        "html": b"<!doctype html><title>x</title>",
        "postscript": b"%!PS\n(/etc/passwd) (r) file",
        "imagemagick": b"push graphic-context\nfill 'url(https://127.0.0.1/)'\n",
        "elf": b"\x7fELF" + bytes(60),
        "exe": b"MZ" + bytes(60),
        "heic": b"\0\0\0\x18ftypheic" + bytes(12),
        "avif": b"\0\0\0\x18ftypavif" + bytes(12),
        "mp4": b"\0\0\0\x18ftypisom" + bytes(12),
        "jpeg-xl": b"\xff\x0a" + bytes(60),
        "psd": b"8BPS\0\x01" + bytes(60),
        "text": "照片".encode(),
        "zeros": bytes(100_000),
        "gzip": gzip.compress(jpeg()),
        "gzip-bomb": gzip.compress(bytes(20 * MiB)),
        "zip": zipped(),
    }
    for name, data in texts.items():
        yield f"format/{name}.jpg", data, OTHER_KIND


def metadata() -> Iterator[Photo]:
    """What is told about a photo never matters more than the photo."""
    data = jpeg()
    orientation = 0x0112
    blocks = {
        "next-is-itself": exif(directory(entry(orientation, 3, 1, 1), following=8)),
        "next-is-before": exif(directory(entry(orientation, 3, 1, 1), following=0)),
        "next-is-far": exif(directory(following=0xFFFFFFFF)),
        "sub-directory-is-itself": exif(directory(entry(0x8769, 4, 1, 8))),
        "gps-is-itself": exif(directory(entry(0x8825, 4, 1, 8))),
        "maker-note-is-itself": exif(directory(entry(0x927C, 7, 4000, 8))),
        "thousands-of-entries": exif(b"\xff\xff" + 5000 * entry(orientation, 3, 1, 6)),
        "count-lies": exif(directory(entry(orientation, 3, 0xFFFFFFFF, 6))),
        "offset-lies": exif(directory(entry(0x010F, 2, 1000, 0xFFFFFFF0))),
        "kind-255": exif(directory(entry(orientation, 255, 1, 6))),
        "a-word": exif(directory(entry(orientation, 2, 4, 0x00363636))),
        "zero-denominator": exif(directory(entry(0x011A, 5, 1, 8))),
        "orientation-0": exif(directory(entry(orientation, 3, 1, 0))),
        "orientation-9": exif(directory(entry(orientation, 3, 1, 9))),
        "orientation-65535": exif(directory(entry(orientation, 3, 1, 65_535))),
        "wrong-order": exif(directory(entry(orientation, 3, 1, 6)), order=b"MM"),
        "no-order": exif(directory(), order=b"XX"),
        "empty": segment(0xE1, b"Exif\0\0"),
        "largest": segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + bytes(65_500)),
        "hundred": 100 * exif(directory(entry(orientation, 3, 1, 6), following=8)),
        "xmp-laughs": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + laughs()),
        "profile-cut": segment(0xE2, b"ICC_PROFILE\0\x01\x02" + bytes(100)),
        "profile-zero-of-zero": segment(0xE2, b"ICC_PROFILE\0\0\0" + bytes(100)),
        "profile-255": 255 * segment(0xE2, b"ICC_PROFILE\0\xff\xff" + bytes(20_000)),
        "profile-claims-4-gigabytes": segment(
            0xE2, b"ICC_PROFILE\0\x01\x01\xff\xff\xff\xff" + bytes(124)
        ),
        "mpo-loop": segment(0xE2, b"MPF\0II*\0\x08\0\0\0" + directory(following=8)),
        "mpo-many": segment(
            0xE2, b"MPF\0II*\0\x08\0\0\0" + directory(entry(0xB001, 4, 1, 0xFFFFFF))
        ),
        "photoshop-lies": segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\xff\xff\xff\xff"),
        "adobe-short": segment(0xEE, b"Adobe"),
        "adobe-transform-9": segment(0xEE, b"Adobe\0\x64\0\0\0\0\x09"),
        "jfif-thumbnail-lies": segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\xff\xff"),
        "app-length-0": segment(0xE5, b"", length=0),
        "app-length-1": segment(0xE5, b"", length=1),
        "app-length-lies": segment(0xE5, b"x", length=60_000),
    }
    for name, block in blocks.items():
        yield f"metadata/{name}", inserted(data, block), DAMAGED


def laughs() -> bytes:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE x [<!ENTITY l0 "lol">{levels}]><x>&l9;</x>'.encode()


def saved(kind: str) -> bytes:
    stream = BytesIO()
    picture().save(stream, kind)
    return stream.getvalue()


def zipped() -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../etc/passwd", bytes(MiB))
    return stream.getvalue()


# Forms

BOUNDARY = b"boundary"
MULTIPART = b"multipart/form-data; boundary=" + BOUNDARY
API = b"/api/v1/captions"


def upload(photo: bytes) -> bytes:
    """Asks for as little as can be: the captions do not matter here."""
    return post(form(part(photo), part(b"en", b"language", None), part(b"1", b"beam_width", None)))


def part(content: bytes, name: bytes = b"photo", filename: bytes | None = b"a.jpg") -> bytes:
    disposition = b'form-data; name="' + name + b'"'
    if filename is not None:
        disposition += b'; filename="' + filename + b'"'
    return b"Content-Disposition: " + disposition + b"\r\n\r\n" + content


def form(*parts: bytes, end: bytes = b"--") -> bytes:
    opened = b"".join(b"--" + BOUNDARY + b"\r\n" + one + b"\r\n" for one in parts)
    return opened + b"--" + BOUNDARY + end + b"\r\n"


def upload_to_max(photo: bytes) -> bytes:
    """The same at the address of IBM's MAX, which takes PNG and WebP too."""
    return post(form(part(photo, b"image")), address=b"/model/predict")


def post(
    body: bytes,
    *headers: bytes,
    kind: bytes = MULTIPART,
    length: int | None = None,
    address: bytes = API,
) -> bytes:
    said = len(body) if length is None else length
    lines = (b"Content-Type: " + kind, b"Content-Length: %d" % said, *headers)
    return request(b"POST " + address + b" HTTP/1.1", *lines) + body


def request(line: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join((line, b"Host: kantu", b"Connection: close", *headers, b"", b""))


def forms() -> Iterator[Hostile]:
    photo = jpeg()
    bodies: dict[str, tuple[bytes, Allowed]] = {
        "thousands-of-parts": (form(*[part(b"x", b"x", None)] * 5000), TOO_LARGE),
        "thousands-of-photos": (form(*[part(photo)] * 2000), TOO_LARGE | {"413 too_many_photos"}),
        "nine-photos": (form(*[part(photo)] * 9), frozenset({"413 too_many_photos"})),
        "nameless-photos": (form(*[part(b"", filename=b"")] * 20), NO_PHOTO),
        "no-end": (form(part(photo), end=b""), DAMAGED | NO_PHOTO),
        "cut-in-the-head": (form(part(photo))[:40], NO_PHOTO),
        "cut-in-the-photo": (form(part(photo))[:2000], DAMAGED | NO_PHOTO),
        "empty": (b"", NO_PHOTO),
        "dashes": (b"-" * 100_000, NO_PHOTO),
        "boundaries": ((b"--" + BOUNDARY + b"\r\n") * 20_000, NO_PHOTO | TOO_LARGE),
        "almost-boundaries": (form(part(b"\r\n--boundarx" * 200_000)), OTHER_KIND),
        "line-breaks": (form(part(b"\r\n" * 2_000_000)), OTHER_KIND),
        "endless-part-head": (
            b"--" + BOUNDARY + b"\r\n" + b"X: y\r\n" * 200_000,
            NO_PHOTO | TOO_LARGE,
        ),
        "long-part-head": (
            form(b"X: " + b"y" * 2_000_000 + b"\r\n" + part(photo)),
            FINE | NO_PHOTO | TOO_LARGE,
        ),
        "no-disposition": (form(b"\r\n" + photo), NO_PHOTO),
        "long-filename": (form(part(photo, filename=b"a" * 100_000 + b".jpg")), FINE),
        "path-filename": (form(part(photo, filename=b"../../../etc/passwd")), FINE),
        "null-filename": (form(part(photo, filename=b"a.jpg\0.png")), FINE | NO_PHOTO),
        "script-filename": (form(part(photo, filename=b"<script>alert(1)</script>")), FINE),
        "latin-filename": (form(part(photo, filename=b"\xe9\xff\xfe.jpg")), FINE | NO_PHOTO),
        "encoded-photo": (
            form(b"Content-Transfer-Encoding: base64\r\n" + part(photo)),
            FINE,
        ),
        "photo-as-text": (form(part(photo, filename=None)), NO_PHOTO),
        "long-field": (form(part(b"x" * 2_000_000, b"language", None), part(photo)), TOO_LARGE),
        "strange-language": (
            form(part(b"../../zh\0", b"language", None), part(photo)),
            frozenset({"400 unknown_language"}),
        ),
        "strange-model": (
            form(part(b"../../../etc", b"model", None), part(photo)),
            frozenset({"404 unknown_model"}),
        ),
        "endless-number": (
            form(part(b"9" * 50_000, b"beam_width", None), part(photo)),
            frozenset({"400 bad_parameter"}),
        ),
        "not-a-number": (
            form(part(b"NaN", b"alternatives", None), part(photo)),
            frozenset({"400 bad_parameter"}),
        ),
        "form-in-form": (form(part(form(part(photo)))), FINE),
    }
    for name, (body, allowed) in bodies.items():
        yield Hostile(f"form/{name}", lambda body=body: [post(body)], allowed)
    kinds = {
        "no-boundary": b"multipart/form-data",
        "empty-boundary": b"multipart/form-data; boundary=",
        "other-boundary": b"multipart/form-data; boundary=other",
        "long-boundary": b"multipart/form-data; boundary=" + b"b" * 5000,
        "strange-boundary": b'multipart/form-data; boundary="\xff\\"',
        "mixed": b"multipart/mixed; boundary=" + BOUNDARY,
        "urlencoded": b"application/x-www-form-urlencoded",
        "json": b"application/json",
        "nothing": b"",
        "strange-charset": MULTIPART + b"; charset=utf-7",
    }
    body = form(part(photo))
    for name, kind in kinds.items():
        yield Hostile(
            f"kind/{name}",
            lambda kind=kind: [post(body, kind=kind)],
            NO_PHOTO | FINE | TOO_LARGE,
        )
    fields = b"&".join(b"x%d=1" % number for number in range(5000))
    yield Hostile(
        "kind/thousands-of-fields",
        lambda: [post(fields, kind=b"application/x-www-form-urlencoded")],
        NO_PHOTO | TOO_LARGE,
    )
    deep = b"[" * 100_000
    yield Hostile("kind/deep-json", lambda: [post(deep, kind=b"application/json")], NO_PHOTO)
    packed = gzip.compress(form(part(bytes(20 * MiB))))
    yield Hostile("kind/compressed", lambda: [post(packed, b"Content-Encoding: gzip")], COMPRESSED)


# Requests

CHUNKED = b"Transfer-Encoding: chunked"
UPLOAD = b"POST " + API + b" HTTP/1.1"
TYPE = b"Content-Type: " + MULTIPART
NOT_FOUND = frozenset({"404", "404 not_found"})


def requests() -> Iterator[Hostile]:
    yield from ambiguous_lengths()
    yield from chunks()
    yield from endless()
    yield from malformed()
    yield from strange()


def ambiguous_lengths() -> Iterator[Hostile]:
    """Where two servers in a row would see two different ends of a request."""
    hidden = b"GET /healthz HTTP/1.1\r\nHost: kantu\r\n\r\n"
    body = b"0\r\n\r\n" + hidden
    length = b"Content-Length: %d" % len(body)
    headers: dict[str, tuple[bytes, ...]] = {
        "length-and-chunked": (length, CHUNKED),
        "chunked-and-length": (CHUNKED, length),
        "two-lengths": (length, b"Content-Length: 4"),
        "two-equal-lengths": (length, length),
        "list-of-lengths": (b"Content-Length: 4, 4",),
        "negative-length": (b"Content-Length: -1",),
        "signed-length": (b"Content-Length: +4",),
        "hexadecimal-length": (b"Content-Length: 0x4",),
        "long-length": (b"Content-Length: " + b"9" * 5000,),
        "foreign-digits": ("Content-Length: ４".encode(),),
        "twice-chunked": (CHUNKED, CHUNKED),
        "chunked-last-but-one": (b"Transfer-Encoding: chunked, identity",),
        "identity": (b"Transfer-Encoding: identity", length),
        "space-before-colon": (b"Transfer-Encoding : chunked", length),
        "folded": (b"Transfer-Encoding:\r\n chunked", length),
        "vertical-tab": (b"Transfer-Encoding: \x0bchunked", length),
        "null": (b"Transfer-Encoding: chunked\0", length),
        "bare-line-feed": (b"X: y\nTransfer-Encoding: chunked", length),
        "bare-carriage-return": (b"X: y\rTransfer-Encoding: chunked", length),
    }
    for name, lines in headers.items():
        yield raw(f"smuggling/{name}", request(UPLOAD, *lines) + body, MALFORMED)
    # As RFC 9112 has it: 501 is about the request, and no fault of the server.
    unknown = request(UPLOAD, b"Transfer-Encoding: xchunked", length) + body
    yield raw("smuggling/unknown-coding", unknown, frozenset({"501"}))
    underscored = request(UPLOAD, b"Transfer_Encoding: chunked", length) + body
    yield raw("smuggling/underscore", underscored, NO_PHOTO)
    old = request(b"POST " + API + b" HTTP/1.0", CHUNKED) + body
    yield raw("smuggling/chunked-http-1.0", old, MALFORMED)


def chunks() -> Iterator[Hostile]:
    bodies = {
        "no-size": b"\r\n",
        "negative-size": b"-1\r\nx\r\n0\r\n\r\n",
        "signed-size": b"+1\r\nx\r\n0\r\n\r\n",
        "hexadecimal-size": b"0x1\r\nx\r\n0\r\n\r\n",
        "long-size": b"f" * 20_000 + b"\r\n",
        "long-extension": b"1;" + b"x" * 20_000 + b"\r\nx\r\n0\r\n\r\n",
        "strange-extension": b"1;\x01\r\nx\r\n0\r\n\r\n",
        "no-line-break": b"1\r\nxx0\r\n\r\n",
        "bare-line-feed": b"1\nx\n0\n\n",
        "cut": b"99999\r\nx",
        "forbidden-trailer": b"0\r\nContent-Length: 9\r\n\r\n",
        "endless-trailer": b"0\r\n" + b"X: y\r\n" * 200_000 + b"\r\n",
    }
    for name, body in bodies.items():
        sent = request(UPLOAD, TYPE, CHUNKED) + body
        yield raw(f"chunks/{name}", sent, MALFORMED | NO_PHOTO | {"400 bad_request", "closed"})
    whole = form(part(jpeg()))
    tiny = b"".join(b"1\r\n%c\r\n" % byte for byte in whole) + b"0\r\n\r\n"
    yield raw("chunks/of-one-byte", request(UPLOAD, TYPE, CHUNKED) + tiny, FINE)


def endless() -> Iterator[Hostile]:
    """Up to 100 MB, which is more than the server reads of anything."""
    megabyte = bytes(MiB)
    closed = TOO_LARGE | {"closed"}
    head = b"--" + BOUNDARY + b"\r\n" + part(START)
    said = request(UPLOAD, TYPE, b"Content-Length: 1000000000000")
    yield Hostile("endless/length", lambda: [said, head, *[megabyte] * 100], closed)
    chunk = b"100000\r\n" + megabyte + b"\r\n"
    first_chunk = b"%x\r\n" % len(head) + head + b"\r\n"
    open_end = request(UPLOAD, TYPE, CHUNKED)
    yield Hostile("endless/chunks", lambda: [open_end, first_chunk, *[chunk] * 100], closed)
    elsewhere = request(b"POST /nothing HTTP/1.1", CHUNKED)
    yield Hostile("endless/elsewhere", lambda: [elsewhere, *[chunk] * 100], closed | NOT_FOUND)
    line = b"GET /" + b"x" * 1000
    too_long = frozenset({"414", "431", "400", "closed"})
    yield Hostile("endless/request-line", lambda: [line] + [line[5:]] * 20_000, too_long)
    get = b"GET / HTTP/1.1\r\n"
    yield Hostile("endless/header", lambda: [get + b"X: "] + [b"y" * 1000] * 20_000, too_long)
    yield Hostile("endless/headers", lambda: [get] + [b"X: y\r\n" * 100] * 20_000, too_long)
    short = post(form(part(jpeg())), length=10)
    yield raw("length/too-short", short, NO_PHOTO)


def malformed() -> Iterator[Hostile]:
    for name, sent in {
        "nonsense": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n",
        "http-0.9": b"GET /\r\n\r\n",
        "http-9.9": request(b"GET / HTTP/9.9"),
        "http-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "lower-case-method": request(b"get / HTTP/1.1"),
        "long-method": request(b"G" * 100 + b" / HTTP/1.1"),
        "no-path": request(b"GET  HTTP/1.1"),
        "space-in-path": request(b"GET /a b HTTP/1.1"),
        "null-in-path": request(b"GET /\0 HTTP/1.1"),
        "high-bytes-in-path": request("GET /照片 HTTP/1.1".encode()),
        "two-hosts": request(b"GET / HTTP/1.1", b"Host: evil"),
        "no-colon": request(b"GET / HTTP/1.1", b"nonsense"),
        "empty-name": request(b"GET / HTTP/1.1", b": x"),
        "strange-name": request(b"GET / HTTP/1.1", b"X\xffY: x"),
        "null-in-value": request(b"GET / HTTP/1.1", b"X: a\0b"),
    }.items():
        yield raw(f"malformed/{name}", sent, MALFORMED | {"closed"})
    long_line = request(b"GET /" + b"x" * 5000 + b" HTTP/1.1")
    yield raw("malformed/long-request-line", long_line, frozenset({"414"}))
    large = frozenset({"431"})
    get = b"GET / HTTP/1.1"
    yield raw("malformed/long-header", request(get, b"X: " + b"y" * 9000), large)
    yield raw("malformed/many-headers", request(get, *[b"X: y"] * 60), large)
    yield raw("malformed/expectation", request(get, b"Expect: miracles"), frozenset({"417"}))


def strange() -> Iterator[Hostile]:
    """Well-formed, and not what the page sends."""
    for name, path in {
        "static-parent": b"/static/../app/config.py",
        "static-encoded": b"/static/%2e%2e/app/config.py",
        "static-double": b"/static/..%252fapp%252fconfig.py",
        "static-backslash": b"/static/..%5capp%5cconfig.py",
        "static-absolute": b"/static//etc/passwd",
        "static-null": b"/static/page.js%00.css",
        "null": b"/%00",
        "line-break": b"/%0d%0aSet-Cookie:%20x=y",
        "bad-encoding": b"/%ff%fe%zz",
        "metrics": b"/metrics",
        "sign-in": b"/sign-in",
        "environment": b"/.env",
    }.items():
        allowed = NOT_FOUND | {"308", "400", "400 bad_request"}
        yield raw(f"path/{name}", request(b"GET " + path + b" HTTP/1.1"), allowed)
    not_allowed = frozenset({"405", "405 method_not_allowed"})
    for method in (b"PUT", b"DELETE", b"PATCH", b"TRACE", b"CONNECT", b"PROPFIND"):
        sent = request(method + b" / HTTP/1.1")
        yield raw(f"method/{method.decode().lower()}", sent, not_allowed)
    headers = {
        "forged-address": b"X-Forwarded-For: " + b"1.2.3.4, " * 500,
        "forged-scheme": b"X-Forwarded-Proto: https, http, gopher",
        "forged-script-name": b"Script_Name: /x",
        "forged-id": b"X-Request-Id: \xff\xfe<script>",
        "languages": b"Accept-Language: " + b"zh;q=0.9," * 800,
        "bad-languages": b"Accept-Language: ;;;q=,=;q=9e99,*;q=-1",
        "accept": b"Accept: " + b"*/*;q=0.1," * 700,
        "cookies": b"Cookie: " + b"lang=zz; " * 800,
        "bad-cookie": b'Cookie: lang="\\777\\"; token',
        "authorization": b"Authorization: Bearer " + b"x" * 7000,
        "bad-authorization": b'Authorization: Digest \xff=,,="',
        "range": b"Range: bytes=" + b"0-1," * 1000,
        "host": b"X-Forwarded-Host: evil.example",
        "upgrade": b"Upgrade: h2c",
    }
    for name, header in headers.items():
        yield raw(f"header/{name}", request(b"GET / HTTP/1.1", header), FINE)
    evil = b"GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
    for name, host in {"evil": b"evil.example", "strange": b"<script>", "empty": b""}.items():
        yield raw(f"host/{name}", evil % host, FINE | {"400", "400 bad_request"})
    foreign = post(form(part(jpeg())), b"Origin: https://evil.example")
    yield raw("csrf/origin", foreign, frozenset({"403 cross_site"}))
    foreign = post(form(part(jpeg())), b"Sec-Fetch-Site: cross-site")
    yield raw("csrf/fetch", foreign, frozenset({"403 cross_site"}))


def raw(name: str, sent: bytes, allowed: Allowed) -> Hostile:
    return Hostile(name, lambda: [sent], allowed)
