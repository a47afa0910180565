"""Every text of the interface and of the errors has a Chinese translation, and it is compiled."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from app.config import ROOT

FOLDER = ROOT / "app/translations/zh/LC_MESSAGES"
KEYWORDS = dict.fromkeys(("_", "_l", "N_", "gettext", "lazy_gettext"))


def _texts() -> set[str]:
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(ROOT, methods, options, keywords=KEYWORDS)
    return {message for _, _, message, _, _ in found if isinstance(message, str)}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    with (FOLDER / "messages.po").open("rb") as file:
        return read_po(file, locale="zh")


def _translations(catalog: Catalog) -> dict[str, str]:
    return {str(one.id): str(one.string) for one in catalog if one.id and one.string}


def test_every_text_is_translated_and_no_translation_is_left_over(catalog: Catalog) -> None:
    texts = _texts()
    assert "What is in the picture?" in texts, "from a template"
    assert "Choose a photo first." in texts, "from the code"
    assert set(_translations(catalog)) == texts
    assert not any(one.fuzzy for one in catalog if one.id)


def test_translations_name_the_same_values(catalog: Catalog) -> None:
    for text, translation in _translations(catalog).items():
        assert _values(translation) == _values(text), text


def _values(text: str) -> Counter[str]:
    return Counter(re.findall(r"%\(\w+\)\w", text))


def test_the_compiled_catalog_is_in_date(catalog: Catalog) -> None:
    with (FOLDER / "messages.mo").open("rb") as file:
        compiled = _translations(read_mo(file))
    assert compiled == _translations(catalog), "run: pybabel compile -d app/translations"
