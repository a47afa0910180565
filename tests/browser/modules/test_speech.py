"""Captions read aloud."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.modules.conftest import running_in

VOICES = [
    {"lang": "en-US", "name": "cloud", "localService": False, "default": True},
    {"lang": "en-US", "name": "american", "localService": True},
    {"lang": "en_GB", "name": "british", "localService": True},
    {"lang": "zh-HK", "name": "cantonese", "localService": True},
    {"lang": "zh-TW", "name": "taiwanese", "localService": True},
    {"lang": "zh-CN", "name": "other mandarin", "localService": True},
    {"lang": "zh-CN", "name": "mandarin", "localService": True, "default": True},
]

FAKE_SPEECH = """
    window.said = [];
    window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
    const fake = Object.assign(new EventTarget(), {
        voices: [],
        getVoices() { return this.voices; },
        cancel() { this.now = null; },
        speak(utterance) {
            this.now = utterance;
            said.push([utterance.text, utterance.voice.name, utterance.lang]);
        },
    });
    Object.defineProperty(window, "speechSynthesis", { value: fake });
"""


@pytest.fixture
def speaking(context: Any) -> Iterator[Any]:
    """A page in a browser whose voices a test chooses."""
    page = context.new_page()
    page.add_init_script(FAKE_SPEECH)
    page.goto("/nothing")
    yield page
    page.close()


def give(page: Any, voices: list[dict[str, Any]]) -> None:
    page.evaluate("(voices) => { speechSynthesis.voices = voices; }", voices)


@pytest.mark.parametrize(
    ("language", "absent", "name"),
    [
        ("en", [], "british"),
        ("en", ["british"], "american"),
        ("zh", [], "mandarin"),
        ("zh", ["mandarin", "other mandarin"], "taiwanese"),
        ("zh", ["mandarin", "other mandarin", "taiwanese"], "cantonese"),
    ],
)
def test_it_speaks_with_the_right_voice(
    speaking: Any, language: str, absent: list[str], name: str
) -> None:
    give(speaking, [voice for voice in VOICES if voice["name"] not in absent])
    run = running_in(speaking)
    assert run("speech", f"return m.canSpeak('{language}')")
    run("speech", f"m.speak('text', '{language}')")
    ((text, voice, _),) = speaking.evaluate("said")
    assert (text, voice) == ("text", name)


def test_a_voice_in_the_cloud_is_none(speaking: Any) -> None:
    give(speaking, VOICES[:1])
    run = running_in(speaking)
    assert not run("speech", "return m.canSpeak('en')")
    run("speech", "await m.speak('text', 'en')")
    assert speaking.evaluate("said") == []


def test_voices_may_come_late(speaking: Any) -> None:
    run = running_in(speaking)
    run("speech", "window.told = []; m.whenVoicesChange(() => told.push(m.canSpeak('zh')))")
    assert not run("speech", "return m.canSpeak('zh')")
    give(speaking, VOICES)
    speaking.evaluate("speechSynthesis.dispatchEvent(new Event('voiceschanged'))")
    assert speaking.evaluate("told") == [True]


@pytest.mark.parametrize(
    "event",
    [
        "speechSynthesis.now.onend()",
        "speechSynthesis.now.onerror()",
        "m.stop()",
        "m.speak('next', 'en')",
    ],
)
def test_speaking_ends(speaking: Any, event: str) -> None:
    give(speaking, VOICES)
    body = f"""
        let over = false;
        const speaking = m.speak("text", "en").then(() => {{ over = true; }});
        await Promise.resolve();
        const before = over;
        {event};
        await speaking;
        return [before, over];
    """
    assert running_in(speaking)("speech", body) == [False, True]


def test_without_speech_in_the_browser_nothing_fails(context: Any) -> None:
    page = context.new_page()
    page.add_init_script("Object.defineProperty(window, 'speechSynthesis', { value: undefined })")
    page.goto("/nothing")
    body = (
        "m.stop(); await m.speak('a', 'en'); m.whenVoicesChange(() => 0); return m.canSpeak('en')"
    )
    assert running_in(page)("speech", body) is False
    page.close()
