"""How photos come in: checked before they are read, held in memory, never on the disk."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from math import inf
from threading import BoundedSemaphore
from typing import IO, Any, TypeVar, cast

import flask
from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from app.config import MiB, Settings
from app.errors import PublicError
from app.photos.errors import PhotoTooLarge, megabytes
from app.web.access import count
from app.web.addresses import customer
from app.web.errors import (
    BadForm,
    Busy,
    CompressedBody,
    FieldTooLarge,
    NotUtf8,
    PhotoAsText,
    PhotosTooLarge,
    TooManyPhotos,
)
from app.web.queue import HELD, Asker, QueueFull, Ticket
from app.web.service import service

MOST_REQUEST_BYTES = 32 * MiB
"""Of a request with several photos; one photo alone may have max_bytes, even where that is more."""

OTHER_FIELDS_BYTES = 64 * 1024
"""What a form may have beside its photos: boundaries, headers, the few short fields."""

OTHER_FIELDS = 16

COMPRESSIONS = frozenset({"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd"})
"""Of a body, which nobody undoes here. Other values of Content-Encoding are harmless mistakes."""

_DRAINING = BoundedSemaphore(4)
"""So many threads at once have nothing better to do."""
MOST_DRAINED_BYTES = 64 * MiB
DRAINING_SECONDS = 10.0
SILENCE_SECONDS = 2.0
"""What is read and thrown away of a refused upload, how long, and with what pauses. A connection
closed while the client still sends is reset, and most clients then never read the answer."""


@dataclass(frozen=True)
class Upload:
    name: str
    data: bytes


class Request(flask.Request):
    def make_form_data_parser(self) -> FormDataParser:
        parser = super().make_form_data_parser()
        parser.silent = False  # or a form that cannot be read is taken for an empty one
        return parser

    def refuse_compressed(self) -> None:
        """Raises CompressedBody."""
        encodings = self.headers.get("Content-Encoding", "").lower().replace(",", " ").split()
        if not COMPRESSIONS.isdisjoint(encodings):
            raise CompressedBody(encoding=", ".join(encodings))

    def _load_form_data(self) -> None:
        """Raises PublicError where there is a form that cannot be read."""
        self.refuse_compressed()
        try:
            super()._load_form_data()
        except UnicodeDecodeError:
            raise NotUtf8 from None
        except ValueError:
            raise BadForm from None
        except RequestEntityTooLarge:
            # As a whole it is not, where its length was within the limit.
            if (self.content_length or inf) <= (self.max_content_length or inf):
                raise FieldTooLarge from None
            raise

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> IO[bytes]:
        """Memory, where Werkzeug would move a file of over 500 kB to the disk."""
        return BytesIO()


def init_app(app: Flask, settings: Settings) -> None:
    app.request_class = Request
    app.config["MAX_CONTENT_LENGTH"] = OTHER_FIELDS_BYTES
    app.config["MAX_FORM_PARTS"] = 2 * settings.max_photos + OTHER_FIELDS
    app.after_request(_drain)


@contextmanager
def receive(most_photos: int, field: str = "photo") -> Iterator[list[Upload]]:
    """The photos in this field of the request's form, with a place in the queue.

    Raises PublicError.
    """
    with _place(most_photos, most_bytes(service().settings, most_photos)) as ticket:
        photos = _photos(most_photos, field)
        ticket.ready()
        yield photos


@contextmanager
def receive_body() -> Iterator[bytes]:
    """The request's body, with a photo in base64 in it, or small ones, with a place in the queue.

    Raises PublicError.
    """
    with _place(1, service().settings.max_bytes * 4 // 3) as ticket:
        cast(Request, request).refuse_compressed()
        body = request.get_data(cache=False)
        ticket.ready()
        yield body


def receive_small_body() -> bytes:
    """One without photos. Raises PublicError."""
    count()
    request.max_content_length = OTHER_FIELDS_BYTES
    cast(Request, request).refuse_compressed()
    return request.get_data(cache=False)


@contextmanager
def _place(most_photos: int, most: int) -> Iterator[Ticket]:
    """A place in the queue for a request whose photos may weigh so much as they are sent."""
    count()
    limit = most + OTHER_FIELDS_BYTES
    length = request.content_length
    if length is not None and length > limit:
        raise _too_large(service().settings, most_photos)
    request.max_content_length = limit
    asker = Asker(customer(request.remote_addr or ""), request.user_agent.string)
    try:
        with service().queue.place(asker, limit if length is None else length) as ticket:
            yield ticket
    except QueueFull as full:
        raise Busy(full.seconds) from None


def most_bytes(settings: Settings, photos: int) -> int:
    """What so many photos may weigh together."""
    return max(settings.max_bytes, min(photos * settings.max_bytes, MOST_REQUEST_BYTES))


def _too_large(settings: Settings, photos: int) -> PublicError:
    if photos == 1:
        return PhotoTooLarge(settings.max_bytes)
    together = megabytes(most_bytes(settings, photos))
    return PhotosTooLarge(each=megabytes(settings.max_bytes), together=together)


def _photos(most: int, field: str) -> list[Upload]:
    # A browser sends a part without a name where no file was chosen.
    photos = [photo for photo in request.files.getlist(field) if photo.filename]
    if not photos and request.form.get(field):
        raise PhotoAsText(field=field)
    if len(photos) > most:
        raise TooManyPhotos(most=most)
    # getvalue() and not read(), which would make a copy of what so many requests hold.
    return [Upload(str(photo.filename), cast(BytesIO, photo.stream).getvalue()) for photo in photos]


def _drain(response: Response) -> Response:
    """Reads what a refused request left unread, where the server marks the end of the body.

    Gunicorn does. Without the mark, reading past the end would wait for ever.
    """
    if ticket := HELD.get():
        ticket.leave()  # it needs the model no more, and may take its time
    if "wsgi.input_terminated" in request.environ and _DRAINING.acquire(blocking=False):
        try:
            _read_away()
        finally:
            _DRAINING.release()
    return response


def _read_away() -> None:
    """Ends where the client is gone, silent, or sends nonsense."""
    left, end = MOST_DRAINED_BYTES, time.monotonic() + DRAINING_SECONDS
    with suppress(OSError), _with_patience(request.environ.get("gunicorn.socket")):
        while left > 0 and time.monotonic() < end:
            chunk = request.input_stream.read(64 * 1024)
            if not chunk:
                break
            left -= len(chunk)


@contextmanager
def _with_patience(connection: socket.socket | None) -> Iterator[None]:
    """Reading from it ends after SILENCE_SECONDS."""
    if connection:
        connection.settimeout(SILENCE_SECONDS)
    try:
        yield
    finally:
        if connection:
            connection.settimeout(None)


def most_request_bytes(settings: Settings) -> int:
    """Of any request that captions photos."""
    return most_bytes(settings, settings.max_photos) * 4 // 3 + OTHER_FIELDS_BYTES


Captioning = TypeVar("Captioning", bound=Callable[..., Any])

_CAPTIONING = "captions_photos"


def captioning(view: Captioning) -> Captioning:
    """Marks a view whose requests wait for their turn."""
    setattr(view, _CAPTIONING, True)
    return view


def captioning_addresses(app: Flask) -> frozenset[str]:
    """The paths of views that are marked."""
    return frozenset(
        str(rule)
        for rule in app.url_map.iter_rules()
        if getattr(app.view_functions[rule.endpoint], _CAPTIONING, False)
    )
