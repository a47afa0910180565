"""Bounded work: one photo in the model, and who can be served in time waits for that.

What is bounded is memory and the time that a request waits, not the number of requests. Those that
wait hold no thread and no photo, where the server knows how (deploy/gunicorn.conf.py): their bodies
stay in their sockets until it is nearly their turn.
"""

from __future__ import annotations

import faulthandler
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Event, Lock
from typing import NamedTuple

MOST_HELD_BYTES = 32 * 1024 * 1024
"""What the uploads of all admitted requests may weigh together: they hold their photos in memory.
The service needs 120 MB, the largest photo as it is decoded another 100; this makes the most of it
less than 300."""

MOST_ADMITTED = 16
"""Requests, each with a thread: those of slow clients, mostly, whose photos are on their way."""

MOST_READY = 2
"""Admitted requests whose photos are there, or soon will be: one in the model, and the next."""
SOON = 1.0
"""Seconds in which a request's photos arrive. Those that take longer hold up nobody."""

FIRST_PACE = 0.1
"""Seconds a request takes, until some have been served."""
NEWEST = 0.1
"""The weight of the newest request in the pace."""

MOST_SECONDS_A_PHOTO = 60
"""Ten times what the largest needs on a slow machine. What takes longer hangs."""


class Asker(NamedTuple):
    """Who asks. Turns go round the addresses, and at one address round its programs: a person with
    one photo does not wait for somebody's five hundred."""

    address: str
    program: str


class QueueFull(Exception):
    def __init__(self, seconds: int):
        """seconds: after which a request would be let in."""
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(eq=False)
class Ticket:
    """A request's place in the queue."""

    queue: Queue
    asker: Asker
    upload_bytes: int
    admit: Callable[[], None]
    """Called once, from any thread, when it is nearly its turn."""
    joined: float
    admitted: float | None = None
    """When."""
    is_ready: bool = False
    has_left: bool = False

    @property
    def is_admitted(self) -> bool:
        return self.admitted is not None

    def ready(self) -> None:
        """Its photos are there."""
        self.queue.change(self, ready=True)

    def leave(self) -> None:
        """It has its answer, or will have none; may be called again."""
        self.queue.change(self, left=True)


HELD: ContextVar[Ticket | None] = ContextVar("ticket", default=None)
"""The ticket that the server drew for the request at work, where it did."""


class Queue:
    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic):
        """patience: the longest that a request may have to wait, in seconds."""
        self._patience, self._clock = patience, clock
        self._waiting: OrderedDict[str, OrderedDict[str, deque[Ticket]]] = OrderedDict()
        """By address and program, those whose turn is next first."""
        self._admitted: set[Ticket] = set()
        self._bytes = 0
        self._pace = FIRST_PACE
        self._last_left = -math.inf
        self._lock = Lock()
        self._turn = Lock()

    @property
    def length(self) -> int:
        """Requests that wait or are at work."""
        return len(self._admitted) + sum(map(self._count, list(self._waiting)))

    def join(self, asker: Asker, upload_bytes: int, admit: Callable[[], None]) -> Ticket:
        """Raises QueueFull where it would have to wait longer than the patience."""
        ticket = Ticket(self, asker, upload_bytes, admit, self._clock())
        with self._lock:
            over = self._wait_of(ticket) - self._patience
            if over > 0:
                raise QueueFull(math.ceil(over))
            programs = self._waiting.setdefault(asker.address, OrderedDict())
            programs.setdefault(asker.program, deque()).append(ticket)
        self.look()
        return ticket

    def change(self, ticket: Ticket, ready: bool = False, left: bool = False) -> None:
        with self._lock:
            if ticket.has_left:
                return
            ticket.is_ready |= ready
            if left:
                self._remove(ticket)
        self.look()

    @contextmanager
    def place(self, asker: Asker, upload_bytes: int) -> Iterator[Ticket]:
        """A place for the request at work: the one that the server drew for it, or a new one, for
        whose turn this thread waits. Raises QueueFull."""
        ticket = HELD.get()
        if ticket is None:
            admitted = Event()
            ticket = self.join(asker, upload_bytes, admitted.set)
            while not admitted.wait(SOON):
                self.look()
        try:
            yield ticket
        finally:
            ticket.leave()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Held while a photo is decoded and captioned: a decoded one is large.

        A turn that hangs would hold up all the others for ever. Past the time for a photo the
        process says on the standard error where it hangs, and ends; gunicorn starts another. The
        clock is a thread of C, which runs even where the model keeps Python from running.
        """
        with self._turn:
            faulthandler.dump_traceback_later(MOST_SECONDS_A_PHOTO, exit=True)
            try:
                yield
            finally:
                faulthandler.cancel_dump_traceback_later()

    def _wait_of(self, ticket: Ticket) -> float:
        """How long it would wait, in seconds, where turns go round the addresses."""
        if not self._waiting and self._has_room(ticket):
            return 0
        address, program = ticket.asker
        programs = self._waiting.get(address, {})
        rounds = len(programs.get(program, ()))
        own = sum(min(len(tickets), rounds + 1) for tickets in programs.values())
        others = sum(min(self._count(one), own + 1) for one in self._waiting if one != address)
        return (len(self._admitted) + own + others) * self._pace

    def _count(self, address: str) -> int:
        return sum(map(len, list(self._waiting.get(address, {}).values())))

    def look(self) -> None:
        """Lets in those for whom there is room. To be called now and then, for those who are slow
        make room by the time that passes."""
        let_in = []
        with self._lock:
            while self._waiting and self._has_room(self._next()):
                let_in.append(self._let_in())
        for ticket in let_in:  # when nothing is locked any more
            ticket.admit()

    def _has_room(self, ticket: Ticket) -> bool:
        # A request alone always gets in: max_bytes may be set above MOST_HELD_BYTES.
        if not self._admitted:
            return True
        soon = self._clock() - SOON
        ready = sum(one.is_ready or (one.admitted or 0) > soon for one in self._admitted)
        fits = self._bytes + ticket.upload_bytes <= MOST_HELD_BYTES
        return fits and ready < MOST_READY and len(self._admitted) < MOST_ADMITTED

    def _next(self) -> Ticket:
        programs = next(iter(self._waiting.values()))
        return next(iter(programs.values()))[0]

    def _let_in(self) -> Ticket:
        """The next one. Its program, and its address, have their next turn after the others."""
        address, programs = self._waiting.popitem(last=False)
        program, tickets = programs.popitem(last=False)
        ticket = tickets.popleft()
        if tickets:
            programs[program] = tickets
        if programs:
            self._waiting[address] = programs
        ticket.admitted = self._clock()
        self._admitted.add(ticket)
        self._bytes += ticket.upload_bytes
        return ticket

    def _remove(self, ticket: Ticket) -> None:
        ticket.has_left = True
        if not ticket.is_admitted:
            return self._forget(ticket)
        self._admitted.discard(ticket)
        self._bytes -= ticket.upload_bytes
        if not ticket.is_ready:  # it was refused before its photos were read
            return None
        now = self._clock()
        # From when the one before left, or, after a time without any, from when it came.
        seconds = now - max(self._last_left, ticket.joined)
        self._pace += NEWEST * (seconds - self._pace)
        self._last_left = now
        return None

    def _forget(self, ticket: Ticket) -> None:
        address, program = ticket.asker
        programs = self._waiting[address]
        programs[program].remove(ticket)
        if not programs[program]:
            del programs[program]
        if not programs:
            del self._waiting[address]
