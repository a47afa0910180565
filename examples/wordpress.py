"""Writes the alt text of every photo in a WordPress media library that has none.

    WORDPRESS=https://blog.example WORDPRESS_USER=mei WORDPRESS_PASSWORD="abcd efgh …" \\
        KANTU=http://localhost:5000 python examples/wordpress.py

The password is an application password: Users, Profile, Application Passwords. What it wrote is
printed; look at it. A photo that cannot be fetched or that Kantu refuses is left as it is, and is
tried again the next time.
"""

from __future__ import annotations

import base64
import json
import os
import string
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.client import HTTPMessage

from kantu_client import FAULTS, Refused, caption

LANGUAGE = os.environ.get("KANTU_LANGUAGE", "en")


def without_alt_text() -> Iterator[dict]:
    """All of them before the first is changed, or else the pages would move."""
    page, pages = 1, 1
    while page <= pages:
        found, headers = _wordpress(
            "/media?"
            + urllib.parse.urlencode({"mime_type": "image/jpeg", "per_page": 100, "page": page})
        )
        yield from (photo for photo in found if not photo["alt_text"].strip())
        pages = int(headers["X-WP-TotalPages"])
        page += 1


def describe(photo: dict) -> str:
    """Writes the alt text, and returns it. Raises Refused, OSError, ValueError or HTTPException."""
    with urllib.request.urlopen(_smaller_copy(photo), timeout=60) as response:
        text = caption(response.read(), LANGUAGE)
    _wordpress(f"/media/{photo['id']}", alt_text=text)
    return text


def _smaller_copy(photo: dict) -> str:
    sizes = photo["media_details"].get("sizes", {})
    address = sizes.get("large", {}).get("source_url") or photo["source_url"]
    return urllib.parse.quote(address, safe=string.punctuation)  # names in Chinese come as they are


def _wordpress(path: str, **fields: str) -> tuple[list | dict, HTTPMessage]:
    """Raises HTTPError where WordPress refuses."""
    known = f"{os.environ['WORDPRESS_USER']}:{os.environ['WORDPRESS_PASSWORD']}"
    headers = {"Authorization": "Basic " + base64.b64encode(known.encode()).decode()}
    data = json.dumps(fields).encode() if fields else None
    if data:
        headers["Content-Type"] = "application/json"
    address = os.environ["WORDPRESS"] + "/wp-json/wp/v2" + path
    request = urllib.request.Request(address, data, headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response), response.headers


def main() -> int:
    try:
        photos = list(without_alt_text())
    except FAULTS as error:
        print(f"The media library cannot be read: {error!r}", file=sys.stderr)
        return 1
    failed = 0
    for photo in photos:
        try:
            print(f"{photo['source_url']}: {describe(photo)}")
        except (Refused, *FAULTS) as error:
            failed += 1
            print(f"{photo['source_url']}: {error}", file=sys.stderr)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
