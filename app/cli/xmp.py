"""Captions in an XMP sidecar: dc:description and Iptc4xmpCore:AltTextAccessibility, by language.

What another program wrote stays, byte for byte. A sidecar is parsed only to find the places where
captions can be inserted, and in a language that has a text already none is. Only elements that say
nothing give way. What is written is parsed again before it is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple
from xml.parsers import expat

PROPERTIES = {
    "dc:description": "http://purl.org/dc/elements/1.1/",
    "Iptc4xmpCore:AltTextAccessibility": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
}
"""With the namespaces of their prefixes."""

TAGS = {"en": "en", "zh": "zh-Hans"}
SIMPLIFIED = ("zh", "zh-hans", "zh-cn", "zh-sg")
"""The tags, and those that go on from zh-hans-, of Chinese as Kantu writes it."""
DEFAULT = "x-default"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
SPACE = f' xmlns:rdf="{RDF}"'

# As expat names them.
NAMES = {f"{uri} {name.split(':')[1]}": name for name, uri in PROPERTIES.items()}
DESCRIPTION = [f"{RDF} RDF", f"{RDF} Description"]
ALT, ITEM, ABOUT = f"{RDF} Alt", f"{RDF} li", f"{RDF} about"
LANG = "http://www.w3.org/XML/1998/namespace lang"

EMPTY = f"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF{SPACE}>
 </rdf:RDF>
</x:xmpmeta>
""".encode()


class _Gap(NamedTuple):
    """A place where text can be inserted."""

    start: int
    end: int
    """What stands between, in bytes, gives way: at most the end of a tag that closes itself."""
    before: str = ""
    after: str = ""
    """What the text has to be in."""

    def filled(self, text: str) -> tuple[int, int, str]:
        return self.start, self.end, f"{self.before}{text}{self.after}"


@dataclass
class _Property:
    """One of those that we write, as it is there."""

    gap: _Gap | None = None
    """Where other texts can be inserted."""
    languages: set[str] = field(default_factory=set)
    """Those of its texts."""
    blanks: list[tuple[int, int]] = field(default_factory=list)
    """Items that say nothing, by where they begin and end."""
    other: bool = False
    """Whether it has something else than items in it."""


class Sidecar:
    def __init__(self, data: bytes = EMPTY):
        """Raises ValueError where nothing can be inserted; str() goes on after the file's name."""
        self._data = data if data.strip() else EMPTY
        self._found = _Reader(self._data)

    def missing(self, languages: Sequence[str]) -> tuple[str, ...]:
        """Those in which one of the properties says nothing."""
        return tuple(one for one in languages if any(self._lacks(name, one) for name in PROPERTIES))

    def with_captions(self, texts: Mapping[str, str]) -> bytes:
        """The sidecar, and these texts in it, by language, where there are none.

        Raises ValueError where they would not be found in it again.
        """
        edits: list[tuple[int, int, str]] = []
        new = [name for name in PROPERTIES if name not in self._found.properties]
        if new and self._found.gap:
            edits.append(self._found.gap.filled(_description(new, self._found.about, texts)))
        for name, there in self._found.properties.items():
            lacking = {one: text for one, text in texts.items() if self._lacks(name, one)}
            if lacking and there.gap:
                items = _items(lacking, SPACE, default=not there.languages)
                edits += [there.gap.filled(items), *((*blank, "") for blank in there.blanks)]
        data = self._data
        for start, end, text in sorted(edits, reverse=True):  # from the end, so that places stay
            data = data[:start] + text.encode() + data[end:]
        if Sidecar(data).missing(tuple(texts)):
            raise ValueError("has a structure in which captions are not found again")
        return data

    def _lacks(self, name: str, language: str) -> bool:
        there = self._found.properties.get(name)
        return there is None or language not in there.languages


def _description(names: Sequence[str], about: str, texts: Mapping[str, str]) -> str:
    """An element with properties that are new. There may be several about the same photo."""
    spaces = "".join(f' xmlns:{name.split(":")[0]}="{PROPERTIES[name]}"' for name in names)
    items = _items(texts, default=True)
    properties = "".join(f"   <{name}><rdf:Alt>{items}</rdf:Alt></{name}>\n" for name in names)
    opening = f'<rdf:Description{SPACE} rdf:about="{escape(about)}"{spaces}>'
    return f" {opening}\n{properties}  </rdf:Description>\n "


def _items(texts: Mapping[str, str], space: str = "", *, default: bool) -> str:
    """With the namespace of their own, where its prefix may be another; the first also as the text
    for those who have no language, where there is to be one."""
    items = [(TAGS[language], text) for language, text in texts.items()]
    if default:
        items.insert(0, (DEFAULT, items[0][1]))
    return "".join(_item(tag, text, space) for tag, text in items)


def _item(tag: str, text: str, space: str = "") -> str:
    return f'<rdf:li{space} xml:lang="{tag}">{escape(text, quote=False)}</rdf:li>'


class _Reader:
    """Where things are in a sidecar."""

    def __init__(self, data: bytes):
        """Raises ValueError."""
        self.gap: _Gap | None = None
        """Of the rdf:RDF element."""
        self.about = ""
        """Which photo the others' properties are about; mostly nothing, for this one."""
        self.properties: dict[str, _Property] = {}
        self._data = data
        self._path: list[str] = []
        self._starts: list[int] = []
        """Where the elements of the path begin."""
        self._is_new = False
        """Whether nothing came since the last element began."""
        self._tag = ""
        """Of the item's language."""
        self._says: str | None = None
        """The language of the item, where it has begun to say something."""
        self._read()
        if not self.gap:
            raise ValueError("has no rdf:RDF to write into")
        if any(one.other or not one.gap for one in self.properties.values()):
            raise ValueError("has a description in no language")

    def _read(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.XmlDeclHandler = _check_encoding
        self._parser.StartDoctypeDeclHandler = _refuse_doctype
        self._parser.StartElementHandler = self._enter
        self._parser.EndElementHandler = self._leave
        self._parser.CharacterDataHandler = self._hear
        self._parser.DefaultHandlerExpand = self._pass
        try:
            self._data.decode()
            self._parser.Parse(self._data, True)
        except UnicodeDecodeError:
            raise ValueError("is not in UTF-8") from None
        except expat.ExpatError as error:
            raise ValueError(f"is no XML ({error})") from None

    def _enter(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._path.append(tag)
        self._starts.append(self._parser.CurrentByteIndex)
        self._is_new = True
        if self._path[-2:] == DESCRIPTION:
            self.about = attributes.get(ABOUT, self.about)
            if not NAMES.keys().isdisjoint(attributes):
                raise ValueError("has a description in no language")
        elif name := self._property(2):
            if name in self.properties:
                raise ValueError(f"has {name} twice")
            self.properties[name] = _Property(other=bool(attributes))
        elif (name := self._property(3)) and tag != ALT:
            self.properties[name].other = True
        elif self._item():
            self._tag = attributes.get(LANG, "")
            self._says = None if attributes.keys() <= {LANG} else _language(self._tag)
        elif self._item(inside=True):
            self._says = _language(self._tag)

    def _hear(self, text: str) -> None:
        self._is_new = False
        if not text.strip():
            return
        if self._item(inside=True):
            self._says = _language(self._tag)
        elif name := self._property(2, inside=True):
            self.properties[name].other = True

    def _pass(self, _: str) -> None:
        self._is_new = False

    def _leave(self, tag: str) -> None:
        start, here = self._starts[-1], self._parser.CurrentByteIndex
        # Of a tag that closes itself, expat gives the place behind it.
        closes_itself = self._is_new and self._data[start:here].endswith(b"/>")
        self._is_new = False
        if tag == DESCRIPTION[0]:
            self.gap = self._gap(closes_itself)
        elif name := self._property(2):
            there = self.properties[name]
            there.gap = there.gap or self._gap(closes_itself, f"<rdf:Alt{SPACE}>", "</rdf:Alt>")
        elif (name := self._property(3)) and tag == ALT:
            self.properties[name].gap = self._gap(closes_itself)
        elif name := self._item():
            if self._says is None:
                end = here if closes_itself else self._data.index(b">", here) + 1
                self.properties[name].blanks.append((start, end))
            else:
                self.properties[name].languages.add(self._says)
        self._path.pop()
        self._starts.pop()

    def _gap(self, closes_itself: bool, before: str = "", after: str = "") -> _Gap:
        """At the end of the element that ends here."""
        here = self._parser.CurrentByteIndex
        if not closes_itself:
            return _Gap(here, here, before, after)
        name = re.split(rb"[\s/]", self._data[self._starts[-1] + 1 : here], maxsplit=1)[0].decode()
        return _Gap(here - 2, here, f">{before}", f"{after}</{name}>")

    def _item(self, inside: bool = False) -> str | None:
        """The property of which this is an item, or is inside of one."""
        item = self._path[-1:] == [ITEM] if not inside else ITEM in self._path[-2:]
        return self._property(4, inside) if item else None

    def _property(self, depth: int, inside: bool = False) -> str | None:
        """Which of the properties that we write this is (2), its child is (3) or grandchild (4)."""
        for at, name in enumerate(self._path):
            if self._path[at - 2 : at] == DESCRIPTION and name in NAMES:
                below = len(self._path) - at + 1
                return NAMES[name] if below == depth or (inside and below > depth) else None
        return None


def _language(tag: str) -> str:
    """As Kantu calls the language of a text that is there. Chinese in traditional characters is
    another one than ours."""
    tag = tag.lower()
    language = tag.split("-")[0]
    ours = language != "zh" or tag in SIMPLIFIED or tag.startswith("zh-hans-")
    return language if ours else tag


def _check_encoding(version: str, encoding: str | None, standalone: int) -> None:
    if encoding and encoding.lower() != "utf-8":
        raise ValueError("is not in UTF-8")


def _refuse_doctype(*_: object) -> None:
    raise ValueError("has a document type, which no sidecar needs")
