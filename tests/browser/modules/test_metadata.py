"""Captions written into a photo, read back by Pillow and an XML parser."""

from __future__ import annotations

import random
import struct
from base64 import b64decode
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, IptcImagePlugin

from tests.browser.modules.conftest import Run, opened, saved, sent
from tests.fakes import jpeg

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"
ALT_TEXT = "{http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/}AltTextAccessibility"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"

WRITE = """
    try {
        const blob = await m.withCaptions(toFile(arg[0]), arg[1]);
        return [blob.type, await toBase64(blob)];
    } catch (error) {
        return [error.constructor.name, null];
    }
"""


def write(run: Run, photo: bytes, en: str = "A dog.", zh: str = "一只狗。") -> bytes:
    captions = [{"language": "en", "text": en}, {"language": "zh", "text": zh}]
    kind, data = run("metadata", WRITE, [sent(photo), captions])
    assert kind == "image/jpeg"
    return b64decode(data)


def refusal(run: Run, photo: bytes, text: str = "A dog.") -> str:
    kind, data = run("metadata", WRITE, [sent(photo), [{"language": "en", "text": text}]])
    assert data is None, "it was not refused"
    return kind


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


def xmp_of(photo: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(opened(photo).info["xmp"])


def texts(photo: bytes, name: str) -> dict[str | None, str | None]:
    (found,) = xmp_of(photo).iter(name)
    return {item.get(LANG): item.text for item in found.iter(f"{RDF}li")}


def iptc(photo: bytes) -> dict[tuple[int, int], Any]:
    found = IptcImagePlugin.getiptcinfo(opened(photo))
    assert found is not None
    return found


def assert_same_picture(before: bytes, after: bytes) -> None:
    assert after.endswith(before[before.index(b"\xff\xda") :])
    assert opened(before).tobytes() == opened(after).tobytes()


PHOTO = jpeg(40, 30)


def allowed(text: str) -> str:
    """What of a text XML can hold."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        one for one in text if one in "\t\n" or (one >= " " and one not in "\ufffe\uffff")
    )


@settings(max_examples=25)
@given(st.text(min_size=1), st.text(min_size=1))
@example('"A" <dog> & \'cat\' ]]> <!-- <?xpacket end="w"?>', "一只狗👩‍👩‍👧，跑\n<跑>")
@example("x" * 3000, "狗" * 3000)
@example("a" + "😀" * 600, "\0\x0b")
def test_every_text_is_read_back_as_it_was_written(run: Run, en: str, zh: str) -> None:
    photo = write(run, PHOTO, en, zh)
    en, zh = allowed(en), allowed(zh)
    expected = {"x-default": en or None, "en": en or None, "zh-Hans": zh or None}
    assert texts(photo, DESCRIPTION) == texts(photo, ALT_TEXT) == expected
    assert iptc(photo)[1, 90] == b"\x1b%G"
    written = (iptc(photo)[2, 120] or b"").decode()  # Pillow reads an empty one as None
    assert en.startswith(written)
    assert written == en or len(written.encode()) > 2000 - 4, "the standard's limit"
    assert_same_picture(PHOTO, photo)


def test_halves_of_characters_are_left_out(run: Run) -> None:
    body = r'arg[1] = [{ language: "en", text: "a\ud83dz" }];' + WRITE
    _, data = run("metadata", body, [sent(PHOTO), None])
    assert texts(b64decode(data), DESCRIPTION) == {"x-default": "az", "en": "az"}


def test_writing_again_replaces_what_was_written(run: Run) -> None:
    once = write(run, PHOTO)
    again = write(run, write(run, once, "Something else entirely", "别的"))
    assert again == once
    assert list(iptc(again)) == [(1, 0), (1, 90), (2, 0), (2, 120)]


def test_exif_stays_and_stays_the_first(run: Run) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Kamera"
    before = jpeg(40, 30, exif=exif, icc_profile=b"profile" * 20_000, comment=b"a comment")
    after = opened(write(run, before))
    assert dict(after.getexif()) == dict(exif)
    assert after.info["icc_profile"] == b"profile" * 20_000
    assert after.info["comment"] == b"a comment"
    assert [name for name, _ in after.applist[:4]] == ["APP0", "APP1", "APP1", "APP13"]
    assert_same_picture(before, write(run, before))


OLD_XMP = """\ufeff<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
 <rdf:RDF>
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"
    xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="0123"/>
  <rdf:Description rdf:about="" xmlns:d="http://purl.org/dc/elements/1.1/" d:format="image/jpeg">
   <d:creator><rdf:Seq><rdf:li>李 &amp; Müller</rdf:li></rdf:Seq></d:creator>
   <d:description><rdf:Alt><rdf:li xml:lang="x-default">old</rdf:li>
     <rdf:li xml:lang="de">alt</rdf:li></rdf:Alt></d:description>
   <d:subject><rdf:Bag><rdf:li rdf:parseType="Resource">
     <d:description>inside another</d:description></rdf:li></rdf:Bag></d:subject>
  </rdf:Description>
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:description="old"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()


def test_other_xmp_stays(run: Run) -> None:
    extended = segment(0xE1, EXTENSION + b"0" * 32 + bytes(8) + b"<depth/>")
    before = with_segments(PHOTO, segment(0xE1, XMP + OLD_XMP), extended)
    after = write(run, before)
    assert extended in after
    assert after.count(XMP) == 1
    kept = ElementTree.tostring(xmp_of(after), "unicode")
    for word in ('Rating="4"', 'HasExtendedXMP="0123"', "李 &amp; Müller", "inside another"):
        assert word in kept
    assert ">old<" not in kept and '"old"' not in kept and ">alt<" not in kept
    (shown, inner) = xmp_of(after).iter(DESCRIPTION)
    shown, inner = (shown, inner) if inner.text == "inside another" else (inner, shown)
    assert [item.text for item in shown.iter(f"{RDF}li")] == ["A dog.", "A dog.", "一只狗。"]
    assert_same_picture(before, after)


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description>&b;'
    b"</r:Description></r:RDF>"
)


@pytest.mark.parametrize(
    "packet", [b"", b"<x:xmpmeta", b"\xff\xfe\0\0", b"<a/>", BOMB, OLD_XMP[: len(OLD_XMP) // 2]]
)
def test_xmp_that_nobody_can_read_is_replaced(run: Run, packet: bytes) -> None:
    after = write(run, with_segments(PHOTO, segment(0xE1, XMP + packet)))
    assert texts(after, DESCRIPTION)["zh-Hans"] == "一只狗。"
    assert after.count(XMP) == 1 and b"DOCTYPE" not in after


def test_other_iptc_stays_and_is_told_to_be_utf8(run: Run) -> None:
    sets = [
        dataset(2, 25, b"dogs"),
        dataset(2, 25, b"caf\xe9"),
        dataset(2, 80, "李".encode()),
        dataset(2, 120, b"old"),
        dataset(2, 200, b"\x80\xff"),
        dataset(2, 0, b"\0\2"),
    ]
    after = iptc(write(run, with_segments(PHOTO, photoshop(resource(0x0404, b"".join(sets))))))
    assert after[2, 25] == [b"dogs", "café".encode()]
    assert after[2, 80] == "李".encode()
    assert after[2, 120] == b"A dog."
    assert after[2, 200] == b"\x80\xff", "no text"
    assert after[2, 0] == b"\0\2"


def photoshop(*resources: bytes) -> bytes:
    return segment(0xED, PHOTOSHOP + b"".join(resources))


def test_other_things_of_photoshop_stay(run: Run) -> None:
    others = [resource(0x03ED, b"odd", b"Caf\x8e"), resource(0x040C, bytes(range(256)))]
    digest = resource(0x0425, b"of the old IIM..")
    iim = resource(0x0404, dataset(2, 120, b"old"))
    after = write(run, with_segments(PHOTO, photoshop(others[0], digest, iim, others[1])))
    assert b"".join(others) in after
    assert b"old" not in after, "a digest that no longer fits would mislead programs"


def test_what_is_too_much_for_a_segment_goes_on_in_the_next(run: Run) -> None:
    large = resource(0x040C, random.Random(0).randbytes(150_000))
    stream = large + resource(0x0404, dataset(2, 120, b"old"))
    parts = [stream[at : at + 60_000] for at in range(0, len(stream), 60_000)]
    after = write(run, with_segments(PHOTO, *(photoshop(part) for part in parts)))
    found = [content for name, content in opened(after).applist if name == "APP13"]
    assert len(found) == 3
    assert large in b"".join(one.removeprefix(PHOTOSHOP) for one in found)
    assert iptc(after)[2, 120] == b"A dog."


def test_a_long_data_set_stays(run: Run) -> None:
    value = b"x" * 40_000
    long = b"\x1c\x02\xca" + struct.pack(">HI", 0x8004, len(value)) + value
    after = write(run, with_segments(PHOTO, photoshop(resource(0x0404, long))))
    assert long in after


@pytest.mark.parametrize(
    "resources",
    [
        b"no resource",
        b"8BIM",
        b"8BIM\4\4\0\0\xff\xff\xff\xff",
        resource(0x0404, b"\x1c\2\x19\0\xff"),
    ],
)
def test_damaged_iptc_is_replaced(run: Run, resources: bytes) -> None:
    assert iptc(write(run, with_segments(PHOTO, photoshop(resources))))[2, 120] == b"A dog."


def test_captions_that_no_segment_holds_are_refused(run: Run) -> None:
    assert refusal(run, PHOTO, "狗" * 10_000) == "RangeError"


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"\xff\xd8", b"\xff\xd8\xff\xd9", saved(opened(PHOTO), "PNG")]
)
def test_what_is_no_jpeg_is_refused(run: Run, data: bytes) -> None:
    assert refusal(run, data) == "NoJpeg"


CUTS = """
    const whole = await toFile(arg).arrayBuffer();
    const captions = [{ language: "en", text: "A dog." }];
    const failed = [];
    for (let length = 0; length < whole.byteLength; length += 3) {
        const cut = new Blob([whole.slice(0, length)]);
        const fate = await m.withCaptions(cut, captions).catch((error) => error.constructor.name);
        if (fate !== "NoJpeg") failed.push(length);
    }
    return failed;
"""


def test_a_photo_cut_anywhere_is_refused(run: Run) -> None:
    photo = with_segments(
        jpeg(16, 16, exif=Image.Exif().tobytes()),
        segment(0xE1, XMP + OLD_XMP[:300]),
        photoshop(resource(0x0404, dataset(2, 120, b"old"))),
    )
    assert run("metadata", CUTS, sent(photo)) == []


NOISE = """
    const captions = [{ language: "en", text: "A dog." }];
    let written = 0;
    for (const damaged of arg) {
        await m.withCaptions(toFile(damaged), captions).then(
            (blob) => { written += blob.size > 0; },
            (error) => { if (!/^This file is|too long/.test(error.message)) throw error; });
    }
    return written;
"""


def test_a_damaged_photo_is_written_or_refused_and_nothing_else(run: Run) -> None:
    parts = [segment(0xE1, XMP + OLD_XMP), photoshop(resource(0x0404, dataset(2, 25, b"dogs")))]
    photo, chance = with_segments(PHOTO, *parts), random.Random(0)
    damaged = []
    for _ in range(120):
        copy = bytearray(photo)
        for _ in range(chance.choice((1, 3, 20))):
            copy[chance.randrange(len(copy))] = chance.choice((0, 0xFF, chance.randrange(256)))
        damaged.append(sent(bytes(copy)))
    assert 10 < run("metadata", NOISE, damaged) < 120
