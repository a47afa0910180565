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
from PIL import ExifTags, Image, IptcImagePlugin

from tests.browser.modules.conftest import Run, opened, saved, sent
from tests.browser.modules.corpus import (
    EXTENSION,
    PHOTOSHOP,
    THUMBNAIL,
    XMP,
    dataset,
    exif,
    iim,
    photoshop,
    rdf,
    resource,
    segment,
    with_exif,
    with_gain_map,
    with_segments,
    xmp,
)
from tests.fakes import jpeg

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"
ALT_TEXT = "{http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/}AltTextAccessibility"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
WRITE = """
    let left = false;
    try {
        const blob = await m.withCaptions(toFile(arg[0]), arg[1], () => (left = true));
        return [blob.type, await toBase64(blob), left];
    } catch (error) {
        return [error.constructor.name, null, left];
    }
"""


def write(run: Run, photo: bytes, en: str = "A dog.", zh: str = "一只狗。") -> bytes:
    data, left = written(run, photo, ("en", en), ("zh", zh))
    assert not left
    return data


def written(run: Run, photo: bytes, *captions: tuple[str, str]) -> tuple[bytes, bool]:
    """And whether something that nobody can read was left as it was."""
    texts = [{"language": language, "text": text} for language, text in captions]
    kind, data, left = run("metadata", WRITE, [sent(photo), texts])
    assert kind == "image/jpeg"
    return b64decode(data), left


def refusal(run: Run, photo: bytes, text: str = "A dog.") -> str:
    kind, data, _ = run("metadata", WRITE, [sent(photo), [{"language": "en", "text": text}]])
    assert data is None, "it was not refused"
    return kind


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
    _, data, _ = run("metadata", body, [sent(PHOTO), None])
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


@pytest.mark.parametrize("packet", [b"", b"\xff\xfe\0\0", b" \n\0"])
def test_xmp_that_says_nothing_is_replaced(run: Run, packet: bytes) -> None:
    after = write(run, with_segments(PHOTO, xmp(packet)))
    assert texts(after, DESCRIPTION)["zh-Hans"] == "一只狗。"
    assert after.count(XMP) == 1


@pytest.mark.parametrize("packet", [b"<x:xmpmeta", b"<a/>", BOMB, OLD_XMP[: len(OLD_XMP) // 2]])
def test_xmp_that_nobody_can_read_stays_and_the_person_hears_of_it(run: Run, packet: bytes) -> None:
    before = xmp(packet)
    after, left = written(run, with_segments(PHOTO, before), ("en", "A dog."))
    assert left and before in after and after.count(XMP) == 1
    assert iptc(after)[2, 120] == b"A dog."


def test_xmp_is_read_in_the_charset_that_it_names(run: Run) -> None:
    packet = '<?xml version="1.0" encoding="iso-8859-1"?>' + rdf("Köln")
    after = write(run, with_segments(PHOTO, xmp(packet.encode("latin-1"))))
    assert ">Köln<".encode() in after and b"8859" not in after
    assert texts(after, DESCRIPTION)["en"] == "A dog."


def test_xmp_takes_the_room_that_its_packet_has(run: Run) -> None:
    packet = rdf("Berlin") + " " * 4000 + '<?xpacket end="w"?>'
    before = with_segments(PHOTO, xmp(packet), iim(dataset(2, 120, b"x.dog.")))
    after = write(run, before)
    found = next(content for _, content in opened(after).applist if content.startswith(XMP))
    assert len(found) == len(XMP) + len(packet)


def test_an_old_description_is_taken_from_every_packet(run: Run) -> None:
    copied = 'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:ImageDescription="old"'
    after = write(run, with_segments(PHOTO, xmp(rdf("Berlin", copied)), xmp(OLD_XMP)))
    assert after.count(XMP) == 2
    assert all(old not in after for old in (b'"old"', b">old<", b">alt<"))
    assert "李 &amp; Müller".encode() in after


def test_other_iptc_stays_and_is_told_to_be_utf8(run: Run) -> None:
    sets = [
        dataset(2, 0, b"\0\2"),
        dataset(2, 25, b"dogs"),
        dataset(2, 80, "李".encode()),
        dataset(2, 120, b"caf\xe9"),
        dataset(2, 200, b"\x80\xff"),
    ]
    after = iptc(write(run, with_segments(PHOTO, iim(*sets))))
    assert after[1, 90] == b"\x1b%G"
    assert after[2, 25] == b"dogs"
    assert after[2, 80] == "李".encode()
    assert after[2, 120] == b"A dog."
    assert after[2, 200] == b"\x80\xff", "no text"
    assert after[2, 0] == b"\0\2"


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        (b"\x1b.A", "latin-1", "Müller"),
        (b"\x1b-A", "latin-1", "Müller"),
        (b"\x1b.B", "iso8859-2", "Łódź"),
        (b"\x1b-L", "iso8859-5", "Москва"),
        (b"\x1b-F", "iso8859-7", "Αθήνα"),
        (b"\x1b.b", "iso8859-15", "Œuvre"),
        (b"\x1b$)A", "gb2312", "北京"),
        (b"\x1b$)B", "euc-jp", "東京"),
        (b"\x1b$)C", "euc-kr", "서울"),
        (b"\x1b%/I", "utf-8", "北京"),
    ],
)
def test_iptc_is_read_in_the_charset_that_it_names(
    run: Run, declared: bytes, encoding: str, text: str
) -> None:
    sets = [dataset(1, 90, declared), dataset(2, 90, text.encode(encoding))]
    after = iptc(write(run, with_segments(PHOTO, iim(*sets))))
    assert (after[1, 90], after[2, 90].decode()) == (b"\x1b%G", text)


@pytest.mark.parametrize(
    "sets",
    [
        [dataset(2, 90, "北京".encode("gbk"))],
        [dataset(2, 90, "Москва".encode("cp1251")), dataset(2, 80, "李".encode())],
        [dataset(1, 90, b"\x1b.Z"), dataset(2, 90, b"M\xfcller")],
    ],
    ids=["gbk", "cyrillic", "one that nobody knows"],
)
def test_texts_in_a_charset_that_nobody_can_know_stay_as_they_are(
    run: Run, sets: list[bytes]
) -> None:
    photo = with_segments(PHOTO, iim(*sets, dataset(2, 120, b"old words")))
    for text, kept in (("A dog.", [dataset(2, 120, b"A dog.")]), ("一只狗。", [])):
        after, left = written(run, photo, ("zh", text))
        assert all(one in after for one in (*sets, *kept))
        assert b"old words" not in after and b"\x1b%G" not in after
        assert texts(after, DESCRIPTION)["zh-Hans"] == text
        assert left == (not kept), "the person hears where the caption is not in IIM"


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


def test_what_is_damaged_in_iptc_stays_behind_what_is_not(run: Run) -> None:
    tail, rest = b"\x1c\2\x19\xff", b"8BIM\x0b\xb7\0\0\0\xff\0\0xy"
    one = resource(0x0404, dataset(2, 25, b"dogs") + tail)
    after = write(run, with_segments(PHOTO, photoshop(one, rest)))
    row = dataset(2, 25, b"dogs") + dataset(2, 120, b"A dog.") + tail
    assert row in after and rest in after


def descriptions(photo: bytes) -> list[bytes | str]:
    exif = opened(photo).getexif()
    return [one[0x010E] for one in (exif, exif.get_ifd(ExifTags.IFD.IFD1)) if 0x010E in one]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    "text", [b"old words".ljust(99), b"old\0", b"old words\0", b"\0", b""], ids=repr
)
@pytest.mark.parametrize("caption", ["A dog that runs.", "一只狗。", "Ox!", ""])
def test_a_description_in_exif_gives_way(run: Run, order: str, text: bytes, caption: str) -> None:
    before = with_exif(exif(order, text))
    after, left = written(run, before, ("en", caption))
    assert not left and b"old" not in after
    found = [one.encode("latin-1").decode() for one in descriptions(after)]
    assert found == ([caption] if text else [])
    kept, new = opened(before).getexif(), opened(after).getexif()
    assert {tag: kept[tag] for tag in kept if tag != 0x010E} == {
        tag: new[tag] for tag in new if tag != 0x010E
    }
    where = new.get_ifd(ExifTags.IFD.IFD1)
    block = opened(after).info["exif"].removeprefix(b"Exif\0\0")
    assert block[where[0x0201] :][: where[0x0202]] == THUMBNAIL


def test_a_description_that_exif_has_no_room_for_is_taken_out(run: Run) -> None:
    whole = len(exif("<", b"old words\0"))
    before = with_exif(exif("<", b"old words\0", 65_536 - whole))
    after = write(run, before, "A dog that runs.")
    assert descriptions(after) == [] and b"old words" not in after
    kept, new = opened(before).getexif(), opened(after).getexif()
    assert dict(new) == {tag: kept[tag] for tag in kept if tag != 0x010E}
    assert new.get_ifd(ExifTags.IFD.IFD1)[0x0202] == len(THUMBNAIL)
    assert len(after) > 65_536 and THUMBNAIL in after


@pytest.mark.parametrize("place", [b"\0\0\0\0", b"\xff\xff\xff\0", b"\0\0\0\x0a"])
def test_a_description_whose_place_is_damaged_harms_nothing_else(run: Run, place: bytes) -> None:
    content = exif(">", b"old words\0")
    at = content.index(b"\x01\x0e\0\2") + 8
    broken = content[:at] + place + content[at + 4 :]
    after = write(run, with_exif(broken))
    assert [one.encode("latin-1").decode() for one in descriptions(after)] == ["A dog."]
    assert opened(after).getexif()[0x010F] == "Kamera" and THUMBNAIL in after


@pytest.mark.parametrize("order", "<>")
def test_makers_notes_still_point_at_a_preview_behind_the_picture(run: Run, order: str) -> None:
    preview, place = jpeg(90, 60), b"place"[:4]
    unset = with_exif(exif(order, b"old\0").replace(b"makers\0", b"mak" + place))
    distance = len(unset) - unset.index(b"Exif\0\0") - 6
    before = unset.replace(place, struct.pack(f"{order}I", distance)) + preview
    after = write(run, before, "A dog that runs.")
    assert after.endswith(preview)
    (there,) = struct.unpack_from(f"{order}I", after, after.index(b"mak") + 3)
    assert there == len(after) - len(preview) - after.index(b"Exif\0\0") - 6


@pytest.mark.parametrize("is_behind", [False, True])
def test_mpf_still_points_at_the_second_picture(run: Run, is_behind: bool) -> None:
    around = [b"", xmp(OLD_XMP)]
    before = with_gain_map(*(around if is_behind else reversed(around)))
    after = write(run, before)
    second = before[before.rindex(b"\xff\xd8") :]
    header = after.index(b"MPF\0") + 4
    record = after.index(struct.pack(">I", 0x20030000), header)
    first, _, _, _, length, place = struct.unpack_from(">IIIIII", after, record + 4)
    assert after[header + place :][:length] == second
    assert after[:first] == after.removesuffix(second)


def test_captions_that_no_segment_holds_are_refused(run: Run) -> None:
    assert refusal(run, PHOTO, "狗" * 10_000) == "RangeError"


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"\xff\xd8", b"\xff\xd8\xff\xd9", saved(opened(PHOTO), "PNG")]
)
def test_what_is_no_jpeg_is_refused(run: Run, data: bytes) -> None:
    assert refusal(run, data) == "NoJpeg"


CUTS = """
    const whole = await toFile(arg[0]).arrayBuffer();
    const captions = [{ language: "en", text: "A dog." }];
    const fates = [];
    for (let length = 0; length < arg[1]; length += 3) {
        const cut = new Blob([whole.slice(0, length)]);
        fates.push(await m.withCaptions(cut, captions).catch((error) => error.constructor.name));
    }
    return fates.filter((fate) => fate !== "NoJpeg").length;
"""


def test_a_photo_cut_before_its_picture_is_refused(run: Run) -> None:
    photo = with_segments(
        jpeg(16, 16, exif=Image.Exif().tobytes()),
        segment(0xE1, XMP + OLD_XMP[:300]),
        photoshop(resource(0x0404, dataset(2, 120, b"old"))),
    )
    assert run("metadata", CUTS, [sent(photo), photo.index(b"\xff\xda") + 10]) == 0


def test_what_decoders_forgive_is_forgiven(run: Run) -> None:
    scan = PHOTO.index(b"\xff\xda")
    stray = PHOTO[:scan] + b"\0\x17\xff\0\xff\xff" + PHOTO[scan:]
    for photo in (stray, PHOTO[:-2], PHOTO + b"\0" * 9):
        after = write(run, photo)
        assert '<rdf:li xml:lang="zh-Hans">一只狗。'.encode() in after
        assert after.endswith(photo[20:]), "all behind JFIF is as it was"


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
