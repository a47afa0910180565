"""Captions in sidecars beside the photos, and what others wrote there."""

from __future__ import annotations

import stat
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import Result

from tests.command import checkpoint, load_fake, run
from tests.fakes import SAID, jpeg

EN, ZH = SAID["en"][0], SAID["zh"][0]
SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "iptc": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
}
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
BOTH = ("dc:description", "iptc:AltTextAccessibility")

DARKTABLE = """<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:darktable="http://darktable.sf.net/"
   darktable:xmp_version="5"
   darktable:params="line&#xA;line">
   <!-- by hand -->
   <dc:subject><rdf:Bag><rdf:li>dog</rdf:li></rdf:Bag></dc:subject>{more}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
OWN = """
   <dc:description>
    <rdf:Alt>
     <rdf:li xml:lang="x-default">Rex</rdf:li>
     <rdf:li xml:lang="en-GB">Rex, our dog</rdf:li>
    </rdf:Alt>
   </dc:description>"""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photos" / "a.jpg"
    path.parent.mkdir()
    path.write_bytes(jpeg())
    return path


@pytest.fixture
def sidecar(photo: Path) -> Path:
    return photo.with_name("a.jpg.xmp")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return checkpoint(tmp_path / "fake")


def write(model: Path, photo: Path, *arguments: str) -> Result:
    return run(model, load_fake, photo.parent, "--format", "xmp", *arguments)


def texts(sidecar: Path, name: str) -> list[tuple[str, str | None]]:
    """Language and text of each alternative, in order."""
    root = ElementTree.fromstring(sidecar.read_bytes())
    items = root.findall(f".//rdf:Description/{name}/rdf:Alt/rdf:li", SPACES)
    return [(item.attrib[LANG], item.text) for item in items]


def test_a_sidecar_has_description_and_alt_text_in_every_language(
    model: Path, photo: Path, sidecar: Path
) -> None:
    result = write(model, photo)
    assert (result.exit_code, result.stdout) == (0, "")
    for name in BOTH:
        assert texts(sidecar, name) == [("x-default", EN), ("en", EN), ("zh-Hans", ZH)]
    assert sorted(path.name for path in photo.parent.iterdir()) == ["a.jpg", "a.jpg.xmp"]


def test_a_second_run_leaves_it_as_it_is(model: Path, photo: Path, sidecar: Path) -> None:
    write(model, photo)
    before = sidecar.read_bytes(), sidecar.stat().st_mtime_ns
    assert "1 of 1 photos are done already." in write(model, photo).stderr
    assert (sidecar.read_bytes(), sidecar.stat().st_mtime_ns) == before


def test_a_language_is_added_behind_the_first(model: Path, photo: Path, sidecar: Path) -> None:
    write(model, photo, "--language", "zh")
    write(model, photo, "--language", "en")
    for name in BOTH:
        assert texts(sidecar, name) == [("x-default", ZH), ("zh-Hans", ZH), ("en", EN)]


@pytest.mark.parametrize("more", ["", OWN])
def test_what_others_wrote_stays_to_the_byte(
    model: Path, photo: Path, sidecar: Path, more: str
) -> None:
    before = DARKTABLE.format(more=more)
    sidecar.write_text(before, encoding="utf-8")
    write(model, photo)
    after = sidecar.read_text(encoding="utf-8")
    rest = iter(after)
    assert all(letter in rest for letter in before), "only insertions"
    assert "line&#xA;line" in after and "<!-- by hand -->" in after
    alt = [("x-default", EN), ("en", EN), ("zh-Hans", ZH)]
    own = [("x-default", "Rex"), ("en-GB", "Rex, our dog"), ("zh-Hans", ZH)]
    assert texts(sidecar, BOTH[0]) == (own if more else alt)
    assert texts(sidecar, BOTH[1]) == alt


@pytest.mark.parametrize(
    ("tag", "added"),
    [
        *((tag, False) for tag in ("zh", "zh-Hans", "zh-hans-SG", "zh-CN", "ZH-sg")),
        *((tag, True) for tag in ("zh-Hant", "zh-Hant-CN", "zh-TW", "zh-HK", "zh-Hansen")),
    ],
)
def test_only_simplified_chinese_counts_as_ours(
    model: Path, photo: Path, sidecar: Path, tag: str, added: bool
) -> None:
    before = DARKTABLE.format(more=OWN.replace("en-GB", tag))
    sidecar.write_text(before, encoding="utf-8")
    write(model, photo, "--language", "zh")
    assert (("zh-Hans", ZH) in texts(sidecar, BOTH[0])) == added
    assert (tag, "Rex, our dog") in texts(sidecar, BOTH[0])


def test_packets_and_other_prefixes_are_understood(model: Path, photo: Path, sidecar: Path) -> None:
    packet = DARKTABLE.format(more=OWN).split("?>", 1)[1].replace("rdf:", "r:")
    packet = packet.replace("xmlns:rdf", "xmlns:r").replace('r:about=""', 'r:about="uuid:1"')
    head, tail = '\ufeff<?xpacket begin="\ufeff" id="W5M0"?>', '<?xpacket end="w"?>'
    sidecar.write_text(head + packet + tail, encoding="utf-8")
    write(model, photo)
    after = sidecar.read_text(encoding="utf-8")
    assert after.startswith(head) and after.endswith(tail)
    assert texts(sidecar, BOTH[0])[-1] == ("zh-Hans", ZH)
    assert texts(sidecar, BOTH[1])[-1] == ("zh-Hans", ZH)
    assert after.count("uuid:1") == 2, "the new element is about the same photo"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<x", "is no XML"),
        (b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", "has no rdf:RDF"),
        (
            DARKTABLE.format(
                more="<dc:description><rdf:Bag><rdf:li>Rex</rdf:li></rdf:Bag></dc:description>"
            ).encode(),
            "has a description in no language",
        ),
        (DARKTABLE.format(more=2 * OWN).encode(), "has dc:description twice"),
        (
            DARKTABLE.format(
                more='<dc:description rdf:parseType="Resource"><rdf:value><rdf:Alt><rdf:li '
                'xml:lang="en">Rex</rdf:li></rdf:Alt></rdf:value></dc:description>'
            ).encode(),
            "has a description in no language",
        ),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>", "has a document type"),
        (b"\xff\xfe<\x00x\x00/\x00>\x00", "is not in UTF-8"),
        (b"<?xml version='1.0' encoding='latin1'?><x/>", "is not in UTF-8"),
        (
            DARKTABLE.format(more="<dc:description>Rex</dc:description>").encode(),
            "has a description in no language",
        ),
        (
            DARKTABLE.replace(' darktable:xmp_version="5"', ' dc:description="Rex"')
            .format(more="")
            .encode(),
            "has a description in no language",
        ),
    ],
)
def test_a_sidecar_that_cannot_be_merged_is_left_alone(
    model: Path, photo: Path, sidecar: Path, content: bytes, words: str
) -> None:
    sidecar.write_bytes(content)
    (photo.parent / "b.jpg").write_bytes(jpeg())
    result = write(model, photo)
    assert result.exit_code == 1
    assert words in result.stderr and "1 of 2 photos failed." in result.stderr
    assert sidecar.read_bytes() == content
    assert texts(photo.with_name("b.jpg.xmp"), BOTH[0])


def test_a_broken_photo_gets_none(model: Path, photo: Path, sidecar: Path) -> None:
    photo.write_bytes(b"GIF89a")
    result = write(model, photo)
    assert result.exit_code == 1 and "not JPEG" in result.stderr
    assert not sidecar.exists()


def test_the_sidecar_of_a_raw_photo_is_not_touched(model: Path, photo: Path) -> None:
    raw = photo.with_name("a.xmp")
    raw.write_text(DARKTABLE.format(more=""))
    write(model, photo)
    assert raw.read_text() == DARKTABLE.format(more="")


def test_rights_and_links_stay(model: Path, photo: Path, sidecar: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "b.jpg"
    photo.rename(elsewhere)
    photo.symlink_to(elsewhere)
    of_real = tmp_path / "real.xmp"
    of_real.write_text(DARKTABLE.format(more=""))
    of_real.chmod(0o640)
    sidecar.symlink_to(of_real)
    write(model, photo)
    assert stat.S_IMODE(of_real.stat().st_mode) == 0o640
    assert texts(sidecar, BOTH[0]) and sidecar.is_symlink()
    assert not (tmp_path / "b.jpg.xmp").exists()


def test_a_sidecar_that_cannot_be_written_is_told(model: Path, photo: Path, sidecar: Path) -> None:
    sidecar.mkdir()
    result = write(model, photo)
    assert result.exit_code == 1 and "a.jpg.xmp cannot be read" in result.stderr


def test_an_output_is_refused(model: Path, photo: Path) -> None:
    result = write(model, photo, "--output", "captions.xmp")
    assert result.exit_code == 2 and "Leave --output out." in result.stderr


SAYS_NOTHING = {
    "no list": "<dc:description/>",
    "space": "<dc:description>\n  <!-- nothing yet --> </dc:description>",
    "an empty list": "<dc:description><rdf:Alt/></dc:description>",
    "a list and space": "<dc:description><rdf:Alt /> </dc:description>",
    "an empty list of two tags": "<dc:description><rdf:Alt></rdf:Alt></dc:description>",
    "an empty item": "<dc:description><rdf:Alt><rdf:li/></rdf:Alt></dc:description>",
    "empty items": '<dc:description><rdf:Alt><rdf:li xml:lang="x-default"/>'
    '<rdf:li xml:lang="en"> </rdf:li></rdf:Alt></dc:description>',
    "after a slash": "<dc:subject><rdf:Bag><rdf:li>/></rdf:li></rdf:Bag></dc:subject>"
    '<dc:description><rdf:Alt><rdf:li xml:lang="en"></rdf:li></rdf:Alt></dc:description>',
}


@pytest.mark.parametrize("kind", SAYS_NOTHING)
def test_what_says_nothing_is_filled(model: Path, photo: Path, sidecar: Path, kind: str) -> None:
    sidecar.write_text(DARKTABLE.format(more=SAYS_NOTHING[kind]), encoding="utf-8")
    result = write(model, photo)
    assert result.exit_code == 0, result.stderr
    for name in BOTH:
        assert texts(sidecar, name) == [("x-default", EN), ("en", EN), ("zh-Hans", ZH)]
    after = sidecar.read_text(encoding="utf-8")
    assert 'darktable:xmp_version="5"' in after and "<rdf:li>dog</rdf:li>" in after
    assert ElementTree.fromstring(after).findtext(".//dc:subject/rdf:Bag/rdf:li", None, SPACES)
    assert "1 of 1 photos are done already." in write(model, photo).stderr


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_an_empty_file_is_a_new_sidecar(
    model: Path, photo: Path, sidecar: Path, content: bytes
) -> None:
    sidecar.write_bytes(content)
    assert write(model, photo).exit_code == 0
    assert texts(sidecar, BOTH[0]) == [("x-default", EN), ("en", EN), ("zh-Hans", ZH)]


def test_an_rdf_element_that_closes_itself_is_opened(
    model: Path, photo: Path, sidecar: Path
) -> None:
    sidecar.write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF\n xmlns:r='
        '"http://www.w3.org/1999/02/22-rdf-syntax-ns#" /></x:xmpmeta>'
    )
    assert write(model, photo).exit_code == 0
    assert texts(sidecar, BOTH[1]) == [("x-default", EN), ("en", EN), ("zh-Hans", ZH)]


def test_other_programs_ratings_stay_beside_an_empty_list(
    model: Path, photo: Path, sidecar: Path
) -> None:
    """Captions that landed outside the element took them along."""
    rating = "<dc:description><rdf:Alt/></dc:description><xmp:Rating>5</xmp:Rating>"
    before = DARKTABLE.replace('rdf:about=""', 'rdf:about="" xmlns:xmp="adobe:xmp"')
    sidecar.write_text(before.format(more=rating), encoding="utf-8")
    assert write(model, photo).exit_code == 0
    root = ElementTree.fromstring(sidecar.read_bytes())
    path = ".//rdf:Description/{adobe:xmp}Rating"
    assert [one.text for one in root.findall(path, SPACES)] == ["5"]


@pytest.mark.parametrize(
    "item",
    [
        '<rdf:li xml:lang="en" rdf:value="Rex"/>',
        '<rdf:li xml:lang="en"><rdf:Description rdf:value="Rex"/></rdf:li>',
        '<rdf:li xml:lang="en" rdf:resource="http://example.org/rex"/>',
    ],
)
def test_what_says_something_elsewhere_than_in_its_text_stays(
    model: Path, photo: Path, sidecar: Path, item: str
) -> None:
    more = f"<dc:description><rdf:Alt>{item}</rdf:Alt></dc:description>"
    sidecar.write_text(DARKTABLE.format(more=more), encoding="utf-8")
    assert write(model, photo).exit_code == 0
    assert item in sidecar.read_text(encoding="utf-8")
    assert [tag for tag, _ in texts(sidecar, BOTH[0])] == ["en", "zh-Hans"]


def test_a_name_too_long_for_a_sidecar_in_the_making_ends_no_run(model: Path, photo: Path) -> None:
    photo.rename(photo.with_name("a" * 245 + ".jpg"))
    (photo.parent / "b.jpg").write_bytes(jpeg())
    result = write(model, photo)
    assert result.exit_code == 1 and "1 of 2 photos failed." in result.stderr
    assert texts(photo.with_name("b.jpg.xmp"), BOTH[0])
