"""Captions of photos from a Kantu server, with nothing but Python's standard library.

    KANTU=http://localhost:5000 python examples/kantu_client.py --language zh dog.jpg cat.jpg

prints each file's name and caption. A private server's token is read from KANTU_TOKEN.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

MOST_TRIES = 5

FAULTS = (OSError, ValueError, LookupError, HTTPException)
"""A server that cannot be reached or refuses, and answers that nobody understands."""


class Refused(Exception):
    """Kantu's answer where it gives no caption. str() is its sentence, `code` stays the same."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def captions(photos: dict[str, bytes], language: str = "en") -> dict[str, str | Refused]:
    """The caption of each photo, by its name, or why there is none.

    Raises Refused where the whole request failed, OSError where the server cannot be reached.
    """
    boundary = uuid.uuid4().hex
    request = urllib.request.Request(
        os.environ.get("KANTU", "http://localhost:5000") + "/api/v1/captions",
        _form(boundary, photos, language),
        {"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    if token := os.environ.get("KANTU_TOKEN"):
        request.add_header("Authorization", f"Bearer {token}")
    # The answer has the photos in the order in which they were sent.
    return {
        name: photo["captions"][0]["text"] if "captions" in photo else Refused(**photo["error"])
        for name, photo in zip(photos, _send(request)["photos"], strict=True)
    }


def caption(photo: bytes, language: str = "en") -> str:
    """Raises Refused or OSError."""
    (text,) = captions({"photo.jpg": photo}, language).values()
    assert isinstance(text, str), "one photo alone that is refused raises"
    return text


def _form(boundary: str, photos: dict[str, bytes], language: str) -> bytes:
    parts = [('name="language"', language.encode())]
    for name, photo in photos.items():
        parts.append((f'name="photo"; filename="{Path(name).name.replace(chr(34), "")}"', photo))
    body = b"".join(
        b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n"
        % (boundary.encode(), head.encode(), content)
        for head, content in parts
    )
    return body + b"--%s--\r\n" % boundary.encode()


def _send(request: urllib.request.Request) -> dict:
    """Tries again where Kantu says when: nothing is stored there, so a repeat does no harm."""
    for tries_left in reversed(range(MOST_TRIES)):
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return _answer(response)
        except urllib.error.HTTPError as error:
            with error:
                wait = error.headers.get("Retry-After", "")
                refused = _refused(error)
            if not wait.isdecimal() or not tries_left:
                raise refused from None
            time.sleep(int(wait))
    raise AssertionError("the last try returns or raises")


def _answer(response: BinaryIO) -> dict:
    try:
        return json.load(response)
    except ValueError:
        message = "What answers there is not Kantu. Set KANTU to the server's address."
        raise Refused("not_kantu", message) from None


def _refused(error: urllib.error.HTTPError) -> Refused:
    """In Kantu's words, or in our own where a proxy in front of it has answered with a page."""
    try:
        said = json.load(error)["error"]
        return Refused(said["code"], said["message"])
    except (ValueError, KeyError, TypeError):
        message = f"Not Kantu but a server in front of it answered: {error.code} {error.reason}."
        return Refused("not_kantu", f"{message} Look whether Kantu runs, at the address in KANTU.")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("photos", nargs="+", type=Path)
    arguments.add_argument("--language", default="en")
    options = arguments.parse_args()
    try:
        photos = {str(path): path.read_bytes() for path in options.photos}
        found = captions(photos, options.language)
    except (Refused, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, text in found.items():
        print(f"{name}: {text}")
    return int(any(isinstance(text, Refused) for text in found.values()))


if __name__ == "__main__":
    sys.exit(main())
