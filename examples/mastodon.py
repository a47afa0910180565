"""Posts photos to Mastodon, and writes the alt text of each that has none.

    MASTODON=https://mastodon.example MASTODON_TOKEN=… KANTU=http://localhost:5000 \\
        python examples/mastodon.py "A walk" dog.jpg="My dog Bello in the snow." field.jpg

The token needs the scopes write:media and write:statuses. Look at what it wrote, and edit the post
where it is wrong: people who read alt texts cannot see that. A photo of which Kantu cannot say
anything is posted without; where a photo cannot be uploaded nothing is posted, and nothing is left
behind.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.parse
import urllib.request
import uuid
from contextlib import suppress
from pathlib import Path

from kantu_client import FAULTS, Refused, caption

MOST_SECONDS = float(os.environ.get("MASTODON_SECONDS", "120"))
"""In which Mastodon has processed a photo, or never will."""

LANGUAGE = os.environ.get("KANTU_LANGUAGE", "en")


def fill_alt_texts(media: list[str]) -> None:
    """The hook: called with the ids of uploaded media, before they are posted."""
    for one in media:
        try:
            text = _alt_text(one)
        except (Refused, *FAULTS) as error:
            print(f"no alt text for {one}: {error}", file=sys.stderr)
        else:
            if text:
                print(f"{one}: {text}")


def _alt_text(media: str) -> str:
    """Writes it, and returns it; nothing where there is one."""
    attachment = _when_processed(media)
    if attachment["description"] or attachment["type"] != "image":
        return ""
    # Mastodon's own smaller copy is enough.
    text = caption(_download(attachment["preview_url"]), LANGUAGE)
    _mastodon("PUT", f"/api/v1/media/{media}", description=text)
    return text


def _when_processed(media: str) -> dict:
    end = time.monotonic() + MOST_SECONDS
    while time.monotonic() < end:
        status, attachment = _mastodon("GET", f"/api/v1/media/{media}")
        if status != 206:
            return attachment
        time.sleep(1)
    raise TimeoutError(f"Mastodon has not processed it in {MOST_SECONDS:g} seconds")


def _download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.read()


def _mastodon(method: str, path: str, **fields: str | list[str]) -> tuple[int, dict]:
    """Raises HTTPError where Mastodon refuses."""
    data = urllib.parse.urlencode(fields, doseq=True).encode() if fields else None
    return _ask(method, path, data, "application/x-www-form-urlencoded")


def _upload(path: Path, alt_text: str) -> str:
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="description"\r\n\r\n{alt_text}\r\n'
    )
    file = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = (head if alt_text else "") + file
    data = body.encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    _, media = _ask("POST", "/api/v2/media", data, f"multipart/form-data; boundary={boundary}")
    return media["id"]


def _ask(method: str, path: str, data: bytes | None, kind: str) -> tuple[int, dict]:
    token = os.environ["MASTODON_TOKEN"]
    headers = {"Authorization": f"Bearer {token}"} | ({"Content-Type": kind} if data else {})
    request = urllib.request.Request(os.environ["MASTODON"] + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.status, json.loads(response.read() or "{}")


def main() -> int:
    status, *photos = sys.argv[1:]
    media: list[str] = []
    try:
        for photo in photos:
            path, _, alt_text = photo.partition("=")
            media.append(_upload(Path(path), alt_text))
        fill_alt_texts(media)
        _, post = _mastodon("POST", "/api/v1/statuses", status=status, **{"media_ids[]": media})
    except FAULTS as error:
        print(f"Nothing was posted: {error}", file=sys.stderr)
        for one in media:
            with suppress(*FAULTS):  # older servers delete what no post has by themselves, later
                _mastodon("DELETE", f"/api/v1/media/{one}")
        return 1
    print(post.get("url"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
