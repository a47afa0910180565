"""Captions in an XMP sidecar: dc:description and Iptc4xmpCore:AltTextAccessibility, by language.

What another program wrote stays, byte for byte. A sidecar is parsed only to find the places where
captions can be inserted, and in a language that has a text already none is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
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


@dataclass
class _Alternatives:
    """The texts of a property that is there."""

    end: int = -1
    """Where the list ends, in bytes: here others can be inserted."""
    languages: set[str] = field(default_factory=set)


class Sidecar:
    def __init__(self, data: bytes = EMPTY):
        """Raises ValueError where nothing can be inserted; str() goes on after the file's name."""
        self._data = data
        self._found = _Reader(data)

    def missing(self, languages: Sequence[str]) -> tuple[str, ...]:
        """Those in which one of the properties says nothing."""
        return tuple(one for one in languages if any(self._lacks(name, one) for name in PROPERTIES))

    def with_captions(self, texts: Mapping[str, str]) -> bytes:
        """The sidecar, and these texts in it, by language, where there are none."""
        new = [name for name in PROPERTIES if name not in self._found.properties]
        pieces = [(self._found.end, _description(new, self._found.about, texts))] if new else []
        for name, alternatives in self._found.properties.items():
            lacking = {one: text for one, text in texts.items() if self._lacks(name, one)}
            pieces.append((alternatives.end, _items(lacking, SPACE)))
        data = self._data
        for place, text in sorted(pieces, reverse=True):  # from the end, so that places stay
            data = data[:place] + text.encode() + data[place:]
        return data

    def _lacks(self, name: str, language: str) -> bool:
        alternatives = self._found.properties.get(name)
        return alternatives is None or language not in alternatives.languages


def _description(names: Sequence[str], about: str, texts: Mapping[str, str]) -> str:
    """An element with properties that are new. There may be several about the same photo."""
    spaces = "".join(f' xmlns:{name.split(":")[0]}="{PROPERTIES[name]}"' for name in names)
    (default, *_) = texts.values()
    items = _item(DEFAULT, default) + _items(texts)
    properties = "".join(f"   <{name}><rdf:Alt>{items}</rdf:Alt></{name}>\n" for name in names)
    opening = f'<rdf:Description{SPACE} rdf:about="{escape(about)}"{spaces}>'
    return f" {opening}\n{properties}  </rdf:Description>\n "


def _items(texts: Mapping[str, str], space: str = "") -> str:
    """With the namespace of their own, where its prefix may be another."""
    return "".join(_item(TAGS[language], text, space) for language, text in texts.items())


def _item(tag: str, text: str, space: str = "") -> str:
    return f'<rdf:li{space} xml:lang="{tag}">{escape(text, quote=False)}</rdf:li>'


class _Reader:
    """Where things are in a sidecar."""

    def __init__(self, data: bytes):
        """Raises ValueError."""
        self.end = -1
        """Of the rdf:RDF element."""
        self.about = ""
        """Which photo the others' properties are about; mostly nothing, for this one."""
        self.properties: dict[str, _Alternatives] = {}
        self._data = data
        self._path: list[str] = []
        self._read()
        if self.end < 0:
            raise ValueError("has no rdf:RDF to write into")

    def _read(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.XmlDeclHandler = _check_encoding
        self._parser.StartDoctypeDeclHandler = _refuse_doctype
        self._parser.StartElementHandler = self._enter
        self._parser.EndElementHandler = self._leave
        try:
            self._data.decode()
            self._parser.Parse(self._data, True)
        except UnicodeDecodeError:
            raise ValueError("is not in UTF-8") from None
        except expat.ExpatError as error:
            raise ValueError(f"is no XML ({error})") from None

    def _enter(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._path.append(tag)
        if self._path[-2:] == DESCRIPTION:
            self.about = attributes.get(ABOUT, self.about)
            if not NAMES.keys().isdisjoint(attributes):
                raise ValueError("has a description in no language")
        elif name := self._property(-2):
            self.properties[name] = _Alternatives()
        elif (name := self._property(-4)) and tag == ITEM:
            self.properties[name].languages.add(_language(attributes.get(LANG, "")))

    def _leave(self, tag: str) -> None:
        here = self._parser.CurrentByteIndex
        if self._data.startswith(b"</", here):  # not so where an element is one tag alone
            if tag == DESCRIPTION[0]:
                self.end = here
            elif (name := self._property(-3)) and tag == ALT:
                self.properties[name].end = here
        name = self._property(-2)
        if name and self.properties[name].end < 0:
            raise ValueError("has a description in no language")
        self._path.pop()

    def _property(self, depth: int) -> str | None:
        """Which of the properties that we write this is (-2), or is so far inside of."""
        inside = self._path[depth - 1 :]
        return NAMES.get(inside[2]) if inside[:2] == DESCRIPTION and len(inside) > 2 else None


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
