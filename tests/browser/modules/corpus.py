"""Small JPEG files with every structure in them that cameras, phones and programs write."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from PIL import Image

from tests.browser.modules.conftest import saved

XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"
GUID = b"0123456789ABCDEF0123456789ABCDEF"

BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
END = '<?xpacket end="w"?>'
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def picture(*sides: int, **options: object) -> bytes:
    width, height = sides or (40, 30)
    gradient = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    return saved(gradient, **options)


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segments(photo: bytes, *segments: bytes) -> bytes:
    """Behind JFIF's and EXIF's, where programs put them."""
    at = 2
    while photo[at + 1] in (0xE0, 0xE1):
        at += 2 + int.from_bytes(photo[at + 2 : at + 4], "big")
    return photo[:at] + b"".join(segments) + photo[at:]


def resource(number: int, content: bytes, name: bytes = b"") -> bytes:
    head = b"8BIM" + struct.pack(">H", number) + bytes([len(name)]) + name
    head += bytes(len(head) % 2)
    return head + struct.pack(">I", len(content)) + content + bytes(len(content) % 2)


def dataset(record: int, number: int, value: bytes) -> bytes:
    return struct.pack(">BBBH", 0x1C, record, number, len(value)) + value


def photoshop(*resources: bytes) -> bytes:
    return segment(0xED, PHOTOSHOP + b"".join(resources))


def iim(*sets: bytes) -> bytes:
    return photoshop(resource(0x0404, b"".join(sets)))


def xmp(packet: bytes | str) -> bytes:
    return segment(0xE1, XMP + (packet.encode() if isinstance(packet, str) else packet))


def rdf(inside: str, spaces: str = "") -> str:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
        f'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" {spaces} xmp:Rating="4">'
        f"<photoshop:City>{inside}</photoshop:City></rdf:Description></rdf:RDF></x:xmpmeta>\n"
    )


def tiff(order: str, *tables: Sequence[tuple[int, int, bytes]], at: int = 8) -> bytes:
    """Tables of (tag, type, value), each followed by its values."""
    size = {1: 1, 2: 1, 3: 2, 4: 4, 7: 1}
    whole = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(f"{order}I", at)
    for number, entries in enumerate(tables):
        here, values = len(whole), b""
        behind = here + 2 + 12 * len(entries) + 4
        table = struct.pack(f"{order}H", len(entries))
        for tag, kind, value in entries:
            table += struct.pack(f"{order}HHI", tag, kind, len(value) // size[kind])
            if len(value) <= 4:
                table += value.ljust(4, b"\0")
            else:
                table += struct.pack(f"{order}I", behind + len(values))
                values += value + bytes(len(value) % 2)
        is_last = number == len(tables) - 1
        following = 0 if is_last else behind + len(values)
        whole += table + struct.pack(f"{order}I", following) + values
    return whole


THUMBNAIL = picture(16, 12)


def exif(order: str, description: bytes | None, more: int = 0) -> bytes:
    """With a thumbnail, whose place comes after all else, and a maker's note."""
    short, long = f"{order}H", f"{order}I"

    def tables(place: int) -> bytes:
        first = [(0x010F, 2, b"Kamera\0"), (0x0112, 3, struct.pack(short, 1))]
        first += [(0x010E, 2, description)] if description else []
        first += [(0x9C9C, 1, "my note\0".encode("utf-16-le"))]
        first += [(0xC634, 7, b"makers\0" + bytes(more))]
        second = [(0x0103, 3, struct.pack(short, 6))]
        second += [(0x0201, 4, struct.pack(long, place))]
        second += [(0x0202, 4, struct.pack(long, len(THUMBNAIL)))]
        return tiff(order, sorted(first), sorted(second))

    return segment(0xE1, b"Exif\0\0" + tables(len(tables(0))) + THUMBNAIL)


def with_exif(content: bytes, photo: bytes | None = None) -> bytes:
    photo = photo or picture()
    return photo[:2] + content + photo[2:]


def mpf(first: int, distance: int, second: int) -> bytes:
    records = struct.pack(">IIIHH", 0x20030000, first, 0, 0, 0)
    records += struct.pack(">IIIHH", 0, second, distance, 0, 0)
    entries = [(0xB000, 7, b"0100"), (0xB001, 4, struct.pack(">I", 2)), (0xB002, 7, records)]
    return segment(0xE2, b"MPF\0" + tiff(">", entries))


def with_gain_map(before: bytes, after: bytes) -> bytes:
    """A second picture, which MPF points at; segments stand before MPF and after it."""
    second = picture(20, 14)
    length = len(with_segments(picture(), before, mpf(0, 0, 0), after))
    begun = picture()[: picture().index(b"\xff\xdb")]
    place = len(begun) + len(before) + len(b"....MPF.")
    pointing = mpf(length, length - place, len(second))
    return with_segments(picture(), before, pointing, after) + second


CONTAINER = (
    'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
    'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" '
    'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1" '
    'GCamera:MicroVideoOffset="64"'
)
VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + b"\0\0\0\x28mdat" + bytes(32)

PACKET = BEGIN + rdf("Köln &amp; 北京") + END
EXTENDED = (
    BEGIN
    + rdf("Köln", f'xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="{GUID.decode()}"')
    + END
)
DEPTH = (
    f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" GDepth:Data="AAAA" '
    'xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"/></rdf:RDF>'
).encode()

UNREADABLE = {
    "cut": PACKET[:200].encode(),
    "no RDF": b"<a>text</a>",
    "a doctype": b"<!DOCTYPE x>" + rdf("Berlin").encode(),
    "crossed tags": rdf("<b>Berlin</photoshop:City></b>").encode(),
}

HALF_READABLE = {"latin": (BEGIN + rdf("Köln") + END).encode().replace("ö".encode(), b"\xf6")}
"""Only by some programs."""

PACKETS = {
    "plain": PACKET.encode(),
    "without marks": rdf("Berlin").encode(),
    "ends with zero": rdf("Berlin").encode() + b"\0",
    "zeros": PACKET.encode() + bytes(20),
    "byte order mark": b"\xef\xbb\xbf" + PACKET.encode(),
    "utf-16": (BEGIN + rdf("Köln 北京") + END).encode("utf-16-le"),
    "utf-16, marked": ("\ufeff" + BEGIN + rdf("Köln 北京") + END).encode("utf-16-le"),
    "utf-16 and a zero": (BEGIN + rdf("Köln 北京") + END).encode("utf-16-le") + b"\0",
    "utf-16, big end": (BEGIN + rdf("Köln 北京") + END).encode("utf-16-be"),
    "utf-32": (BEGIN + rdf("Köln 北京") + END).encode("utf-32-le"),
    "utf-32, big end": (BEGIN + rdf("Köln 北京") + END).encode("utf-32-be"),
    "declaration": (
        BEGIN + '<?xml version="1.0" encoding="UTF-8"?>' + rdf("Berlin") + END
    ).encode(),
    "ampersand": (BEGIN + rdf("Q & A") + END).encode(),
    "no prefix": (BEGIN + rdf("Berlin") + END)
    .replace('xmlns:xmp="http://ns.adobe.com/xap/1.0/"', "")
    .encode(),
    "control character": (BEGIN + rdf("Ber\x01lin") + END).encode(),
    "room": (BEGIN + rdf("Berlin") + " " * 2000 + END).encode(),
    "empty": (BEGIN + '<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>' + END).encode(),
    "empty list": (BEGIN + f'<rdf:RDF xmlns:rdf="{RDF}" />' + END).encode(),
}

SETS = (dataset(2, 25, b"dogs"), dataset(2, 120, b"old words"), dataset(2, 90, b"Berlin"))


def files() -> dict[str, bytes]:
    photo = picture()
    scan = photo.index(b"\xff\xda")
    found = {f"XMP, {name}": with_segments(photo, xmp(one)) for name, one in PACKETS.items()}
    for name, packet in (UNREADABLE | HALF_READABLE).items():
        found[f"XMP, {name}"] = with_segments(photo, xmp(packet))
    extension = segment(0xE1, EXTENSION + GUID + struct.pack(">II", len(DEPTH), 0) + DEPTH)
    found |= {
        "plain": photo,
        "two of XMP": with_segments(photo, xmp(PACKET), xmp(PACKETS["room"])),
        "XMP's extension": with_segments(photo, xmp(EXTENDED), extension),
        "IIM": with_segments(photo, iim(*SETS)),
        "unknown resources": with_segments(
            photo,
            photoshop(
                resource(0x0FA0, b"plug-in"),
                resource(0x0404, b"".join(SETS)),
                resource(0x03ED, bytes(16)),
            ),
        ),
        "damaged resources": with_segments(
            photo, photoshop(resource(0x0404, b"".join(SETS)), b"8BIM\x0b\xb7\0\0\0\xff\0\0xy")
        ),
        "damaged IIM": with_segments(photo, iim(*SETS, b"\x1c\2\x19\xff")),
        "another APP13": with_segments(photo, segment(0xED, b"Adobe_CM\0\2")),
        "a comment": with_segments(photo, segment(0xFE, b"a comment")),
        "motion photo": with_segments(photo, xmp(BEGIN + rdf("Berlin", CONTAINER) + END)) + VIDEO,
        "gain map, XMP first": with_gain_map(xmp(PACKET), b""),
        "gain map, XMP behind": with_gain_map(b"", xmp(PACKET) + iim(*SETS)),
        "no end": photo[:-2],
        "stray bytes": photo[:scan] + b"\0\x17" + photo[scan:],
    }
    for order, end in ((">", "big"), ("<", "little")):
        for name, text in (
            ("room for it", b"old words".ljust(200)),
            ("no room", b"old\0"),
            ("a long one", b"old words\0"),
            ("none", None),
        ):
            found[f"EXIF, {end} end, {name}"] = with_exif(exif(order, text))
    return found
