"""How gunicorn serves Kantu, on a small server and on a developer's machine.

    python -m gunicorn --config deploy/gunicorn.conf.py wsgi

HOST and PORT in the environment choose the address, KANTU_METRICS_PORT one more for /metrics.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.http.errors import ParseException
from gunicorn.workers import gthread
from gunicorn.workers.gthread import TConn, ThreadWorker

from app.web import queue
from app.web.addresses import customer

# How long a connection that says nothing yet holds a thread. Then the main thread waits for it.
gthread.DEFAULT_WORKER_DATA_TIMEOUT = 0.1


class BodyReader:
    """What reads a request's body, and says in Python's own word that a client sent nonsense.

    Flask would take gunicorn's word, an exception that it does not know, for a fault of Kantu.
    """

    def __init__(self, reader: Any):
        self.reader = reader

    def read(self, size: int) -> bytes:
        """Raises OSError."""
        try:
            data = self.reader.read(size)
        except ParseException as error:
            raise ConnectionError(f"a malformed body: {error}") from error
        if ticket := queue.HELD.get():
            ticket.arrive(len(data))
        return data


PARKED = object()
"""What the handling of a request results in that has to wait."""


class Parked:
    """A request that waits for its turn, its body unread."""

    def __init__(self, ticket: queue.Ticket, req: Any):
        self.ticket, self.req = ticket, req
        self.is_at_rest = False
        """Whether no thread has to do with it."""


class Again:
    """Gives a request that was parked in the parser's place, and then the parser its place back."""

    def __init__(self, req: Any, conn: TConn):
        self.req, self.conn, self.parser = req, conn, conn.parser

    def __next__(self) -> Any:
        self.conn.parser = self.parser
        return self.req


class Worker(ThreadWorker):
    """Gunicorn's worker with threads, which of itself would wait for a slow client for ever.

    Once a second it closes the connections that took too long.
    """

    head_seconds = 10.0
    """For the request line and the headers, from the first byte on."""

    request_seconds = 120.0
    """For all the rest: the body, the wait for the model, the answer. 10 MB need 0.7 Mbit/s. Nginx,
    as deploy/ sets it up, sends bodies on as they come, so this cuts off who drips there too."""

    other_seconds = 20.0
    """The same for requests that do not wait for the model: they send little, or are refused."""

    closing_seconds = 0.2
    """For the other side to close in turn."""

    most_read_bytes = 256 * 1024
    """At once from a connection. Gunicorn would take 1 MB, and copies it twice: for each thread."""

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self.ends: dict[TConn, float] = {}
        """When the time of a connection that is served is over."""
        self.closers = ThreadPoolExecutor(8)
        self.parked: dict[TConn, Parked] = {}
        self.admitted: dict[TConn, queue.Ticket] = {}
        self.captioning: frozenset[str] = frozenset()
        """The paths whose requests wait for their turn."""
        self.most_bytes = 0
        """Of those."""

    def load_wsgi(self) -> None:
        """Raises what the application raises as it starts."""
        super().load_wsgi()
        from app.web import uploads  # with Flask, which gunicorn's own process does without

        self.captioning = uploads.captioning_addresses(self.wsgi)
        self.most_bytes = uploads.most_request_bytes(self.wsgi.extensions["kantu"].settings)

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """For those that are admitted, and a few more that read headers and answer /healthz. There
        are no more threads than were ever needed at once."""
        return ThreadPoolExecutor(queue.MOST_ADMITTED + 8)

    def handle(self, conn: TConn) -> Any:
        """One request, in a thread."""
        self.ends[conn] = time.monotonic() + self.head_seconds
        try:
            return super().handle(conn)
        finally:
            del self.ends[conn]

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """The same, once its headers are read."""
        parked = self.parked.get(conn)
        if not parked and req.method == "POST" and unquote(req.path) in self.captioning:
            parked = self.draw_ticket(req, conn)
        if parked and not parked.ticket.is_admitted:
            return PARKED
        seconds = self.request_seconds if parked else min(self.request_seconds, self.other_seconds)
        self.ends[conn] = time.monotonic() + seconds
        req.body.reader = BodyReader(req.body.reader)
        conn.parser.unreader.max_body_chunk = self.most_read_bytes
        if not parked:
            return super().handle_request(req, conn)
        del self.parked[conn]
        held = queue.HELD.set(parked.ticket)
        self.admitted[conn] = parked.ticket
        try:
            return super().handle_request(req, conn)
        finally:
            del self.admitted[conn]
            queue.HELD.reset(held)
            parked.ticket.leave()

    def _keepalive_after(self, conn: TConn, keepalive: Any) -> Any:
        """Gunicorn's name for reading what is left of a body, which this must not do yet."""
        return PARKED if keepalive is PARKED else super()._keepalive_after(conn, keepalive)

    def draw_ticket(self, req: Any, conn: TConn) -> Parked | None:
        """None where the queue is full, or the body too large: then the application says so."""
        service = self.wsgi.extensions["kantu"]
        headers = dict(req.headers)
        hops = service.settings.proxies
        forwarded = headers.get("X-FORWARDED-FOR", "").split(",")
        own = conn.client[0] if isinstance(conn.client, tuple) else ""
        address = forwarded[-hops].strip() if 0 < hops <= len(forwarded) else own
        asker = queue.Asker(customer(address), headers.get("USER-AGENT", ""))
        chunked = "TRANSFER-ENCODING" in headers
        weight = service.settings.max_bytes if chunked else int(headers.get("CONTENT-LENGTH", 0))
        if weight > self.most_bytes:
            return None
        with suppress(queue.QueueFull):
            ticket = service.queue.join(
                asker, weight, lambda: self.method_queue.defer(self.on_admitted, conn)
            )
            self.parked[conn] = Parked(ticket, req)
            return self.parked[conn]
        return None

    # The rest is done by the main thread alone.

    def on_admitted(self, conn: TConn) -> None:
        """It is nearly the turn of this connection's request."""
        parked = self.parked.get(conn)
        if parked and parked.is_at_rest and parked.ticket.is_admitted:
            parked.is_at_rest = False
            conn.parser = Again(parked.req, conn)
            self.enqueue_req(conn)

    def finish_request(self, conn: TConn, fs: Any) -> None:
        failed = fs.cancelled() or fs.exception()
        result = None if failed else fs.result()
        parked = self.parked.get(conn)
        if parked and result is PARKED:
            parked.is_at_rest = True
            self.on_admitted(conn)  # it may have been, meanwhile
        elif result:
            super().finish_request(conn, fs)
        else:
            if parked := self.parked.pop(conn, None):
                parked.ticket.leave()
            # In a thread: it waits for who does not close in turn.
            self.closers.submit(self.close, conn)

    def close(self, conn: TConn) -> None:
        """Not as a connection closes itself: for that, this would wait two seconds."""
        with suppress(OSError):
            conn.sock.setblocking(True)
        util.close_graceful(conn.sock, self.closing_seconds)
        self.method_queue.defer(self.on_closed)

    def on_closed(self) -> None:
        self.nr_conns -= 1

    def accept(self, listener: Any) -> None:
        """A connection, unless there are too many files: then it is left for later."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            time.sleep(0.1)

    def murder_pending(self) -> None:
        """Gunicorn's name for what it does each second."""
        super().murder_pending()
        waiting = self.wsgi.extensions["kantu"].queue
        waiting.look()
        now = time.monotonic()
        stalled = {conn for conn, one in self.admitted.copy().items() if waiting.is_stalled(one)}
        for conn, end in self.ends.copy().items():
            if end < now or conn in stalled:
                with suppress(OSError):  # closed meanwhile
                    conn.sock.shutdown(socket.SHUT_RDWR)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Without the address, which would be logged."""
        super().handle_error(req, client, None, exc)


# Only this machine, unless told otherwise: nginx, or a developer's browser.
host = os.environ.get("HOST", "127.0.0.1")
bind = [f"{f'[{host}]' if ':' in host else host}:{os.environ.get('PORT', '5000')}"]
metrics_port = os.environ.get("KANTU_METRICS_PORT", "").strip()
if metrics_port.isdigit():  # else off, or the application says what is wrong with it
    bind.append(f"127.0.0.1:{metrics_port}")

# One process. Two were measured: 224 MB after 100 photos instead of 139, for each has the model's
# working memory. One photo at a time uses up a small server, and when a worker dies, gunicorn keeps
# who comes waiting for the half second until the next is ready.
workers = 1
worker_class = Worker

# Not preload_app: TensorFlow hangs in a process forked from the one that imported it.
preload_app = False

# For the start: importing TensorFlow on a slow disk takes longer than the usual 30 seconds. Later a
# photo that hangs ends the worker by itself, see app/web/queue.py.
timeout = 120

# What began is finished before a stop: the queue is empty within this.
graceful_timeout = 90

# The heartbeat is a file. On a disk that is busy it would stall the worker.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None

# Connections at once. The others wait in the kernel, which is cheaper; and each needs one of the
# 1,024 files that a process may have open.
worker_connections = 500

# What a browser sends has a tenth of it, unless other programs on localhost left it their cookies.
limit_request_line = 2048
limit_request_fields = 50
limit_request_field_size = 8190

# What proxies say is for the application to believe or not (KANTU_PROXIES).
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}

# Kantu writes a line for each request itself, without the address.
accesslog = None

# A control socket in the home directory that nobody here uses.
control_socket_disable = True

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # of malloc.h

_started = mmap.mmap(-1, 1)  # shared by gunicorn and its worker


def post_fork(server: Any, worker: Any) -> None:
    """In the worker, before the application is loaded.

    Makes glibc give every piece of 1 MB and more back to the system as soon as it is free. Of
    itself it learns from the first such piece to keep them: after 70 giant photos, 24 at a time,
    the service held 360 MB, and with this 136. And makes it take all the rest from one heap: of
    itself it has eight a core, and what photos needed stays in each.
    """
    with suppress(AttributeError):  # not glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 1024 * 1024)
        mallopt(M_ARENA_MAX, 1)


def post_worker_init(worker: Any) -> None:
    """In the worker, once the application is loaded."""
    _started[0] = 1


def child_exit(server: Any, worker: Any) -> None:
    """In gunicorn, after a worker ended.

    A worker that cannot start, for a broken checkpoint say, has printed why. Gunicorn would start
    it again and again.
    """
    if not _started[0]:
        raise HaltServer("The application could not start.", Arbiter.WORKER_BOOT_ERROR)
