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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Event, Lock
from typing import NamedTuple

MOST_HELD_BYTES = 32 * 1024 * 1024
"""What the uploads of all admitted requests may weigh together: they hold their photos in memory.
The service needs 120 MB, the largest photo as it is decoded another 100; this makes the most of it
less than 300."""
MOST_CHARGED = MOST_HELD_BYTES // 2
"""For one request, however much it says that it will send: the others shall not wait for it."""

MOST_ADMITTED = 16
"""Requests, each with a thread: those of slow clients, mostly, whose photos are on their way."""

MOST_OF_ADDRESS = 8
"""Of those, from one address: others are not held up by its slow clients."""

MOST_WAITING, MOST_WAITING_OF_ADDRESS = 300, 220
"""Requests, each with a connection, of which gunicorn has 500 in all."""

MOST_READY = 2
"""Admitted requests whose photos are there, or soon will be: one in the model, and the next."""
SOON = 1.0
"""Seconds in which a request's photos arrive. Those that take longer hold up nobody: they count as
what has arrived of them."""
PATIENCE_WITH_SLOW = 10.0
"""Seconds that photos may come at less than SLOWEST while others wait."""
SLOWEST = 10_000
"""Bytes a second."""
MOST_PAUSES = 600
"""Tenths of a second that slow photos wait for memory."""

FIRST_PACE, LEAST_PACE = 0.1, 0.02
"""Seconds a request takes, until some have been served, and at least: one whose photo is broken
says nothing of the others."""
NEWEST = 0.1
"""The weight of the newest request in the pace."""

MOST_SECONDS_A_PHOTO = 60
"""Ten times what the largest needs on a slow machine. What takes longer hangs."""


class Asker(NamedTuple):
    """Who asks. Turns go round the addresses, and at one address round its programs: a person with
    one photo does not wait for somebody's five hundred."""

    address: bytes
    """As app.web.addresses has it."""
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
    admitted: float = math.inf
    """When."""
    ready_at: float | None = None
    arrived: int = 0
    """Bytes of its body."""
    pauses: bool = False
    """Whether it waits for memory."""
    has_left: bool = False

    @property
    def is_admitted(self) -> bool:
        return self.admitted < math.inf

    @property
    def is_ready(self) -> bool:
        return self.ready_at is not None

    def ready(self) -> None:
        """Its photos are there."""
        self.queue.change(self, ready=True)

    def arrive(self, size: int) -> None:
        """So many bytes of its body have come. Waits while there is no memory for those of slow
        clients; the first of them goes on. Raises QueueFull where that lasts."""
        self.arrived += size
        for _ in range(MOST_PAUSES):
            self.pauses = not self.has_left and self.queue.is_crowded(self)
            if not self.pauses:
                return
            time.sleep(0.1)
        raise QueueFull(math.ceil(PATIENCE_WITH_SLOW))

    def leave(self) -> None:
        """It has its answer, or will have none; may be called again."""
        self.queue.change(self, left=True)


HELD: ContextVar[Ticket | None] = ContextVar("ticket", default=None)
"""The ticket that the server drew for the request at work, where it did."""


class Queue:
    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic):
        """patience: the longest that a request may have to wait, in seconds."""
        self._patience, self._clock = patience, clock
        self._waiting: OrderedDict[bytes, OrderedDict[str, deque[Ticket]]] = OrderedDict()
        """By address and program, those whose turn is next first."""
        self._admitted: list[Ticket] = []
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
        ticket = Ticket(self, asker, upload_bytes, admit)
        with self._lock:
            over = self._wait_of(ticket) - self._patience
            if over <= 0 and not self._has_room(ticket):
                over = self._excess(asker.address) * self._pace
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
            if ready and not ticket.is_ready:
                ticket.ready_at = self._clock()
            if left:
                self._remove(ticket)
        self.look()

    def look(self) -> None:
        """Lets in those for whom there is room. To be called now and then, for those who are slow
        make room by the time that passes."""
        let_in = []
        with self._lock:
            while (address := self._next()) is not None:
                let_in.append(self._let_in(address))
        for ticket in let_in:  # when nothing is locked any more
            ticket.admit()

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

    def is_crowded(self, ticket: Ticket) -> bool:
        """Whether a slow request has to wait for memory."""
        with self._lock:
            slow = [one for one in self._admitted if self._is_slow(one)]
            first = min(slow, key=lambda one: one.admitted, default=ticket)
            waits = ticket in slow and ticket is not first
            return waits and self._held_bytes() > MOST_HELD_BYTES

    def is_stalled(self, ticket: Ticket) -> bool:
        """Whether a request's body hardly comes, while others wait."""
        seconds = self._clock() - ticket.admitted
        late = not (ticket.is_ready or ticket.pauses) and seconds > PATIENCE_WITH_SLOW
        return late and bool(self._waiting) and ticket.arrived < SLOWEST * seconds

    def _is_slow(self, ticket: Ticket) -> bool:
        return not ticket.is_ready and self._clock() - ticket.admitted >= SOON

    def _held_bytes(self) -> int:
        return sum(one.arrived if self._is_slow(one) else _charge(one) for one in self._admitted)

    def _wait_of(self, ticket: Ticket) -> float:
        """How long it would wait, in seconds, where turns go round the addresses."""
        if self._has_room(ticket) and ticket.asker.address not in self._waiting:
            return 0
        address, program = ticket.asker
        programs: Mapping[str, deque[Ticket]] = self._waiting.get(address, {})
        rounds = len(programs.get(program, ()))
        own = sum(min(len(tickets), rounds + 1) for tickets in programs.values())
        others = sum(min(self._count(one), own + 1) for one in self._waiting if one != address)
        return (len(self._admitted) + own + others) * self._pace

    def _count(self, address: bytes) -> int:
        return sum(map(len, list(self._waiting.get(address, {}).values())))

    def _has_room(self, ticket: Ticket) -> bool:
        # A request alone always gets in: max_bytes may be set above MOST_HELD_BYTES.
        if not self._admitted:
            return True
        own = self._of_address(ticket.asker.address)
        if len(self._admitted) >= MOST_ADMITTED or own >= MOST_OF_ADDRESS:
            return False
        ready = sum(not self._is_slow(one) for one in self._admitted)
        return ready < MOST_READY and self._held_bytes() + _charge(ticket) <= MOST_HELD_BYTES

    def _next(self) -> bytes | None:
        """The address whose turn it is, None where there is no room."""
        fitting = (
            address
            for address, programs in self._waiting.items()
            if self._has_room(next(iter(programs.values()))[0])
        )
        return next(fitting, None)

    def _excess(self, address: bytes) -> int:
        """How many more wait than may, where one more comes from this address."""
        total = sum(map(self._count, self._waiting)) + 1 - MOST_WAITING
        return max(0, total, self._count(address) + 1 - MOST_WAITING_OF_ADDRESS)

    def _of_address(self, address: bytes) -> int:
        return sum(one.asker.address == address for one in self._admitted)

    def _let_in(self, address: bytes) -> Ticket:
        """The next one. Its program, and its address, have their next turn after the others."""
        programs = self._waiting.pop(address)
        program, tickets = programs.popitem(last=False)
        ticket = tickets.popleft()
        if tickets:
            programs[program] = tickets
        if programs:
            self._waiting[address] = programs
        ticket.admitted = self._clock()
        self._admitted.append(ticket)
        return ticket

    def _remove(self, ticket: Ticket) -> None:
        ticket.has_left = True
        if not ticket.is_admitted:
            self._forget(ticket)
            return
        self._admitted.remove(ticket)
        if ticket.ready_at is not None:  # else it was refused before its photos were read
            self._learn_pace(ticket.ready_at)

    def _learn_pace(self, ready_at: float) -> None:
        now = self._clock()
        # From when the one before left, or, after a time without any, from when it was ready.
        seconds = max(LEAST_PACE, now - max(self._last_left, ready_at))
        self._pace += NEWEST * (seconds - self._pace)
        self._last_left = now

    def _forget(self, ticket: Ticket) -> None:
        address, program = ticket.asker
        programs = self._waiting[address]
        programs[program].remove(ticket)
        if not programs[program]:
            del programs[program]
        if not programs:
            del self._waiting[address]


def _charge(ticket: Ticket) -> int:
    """What a request counts of the memory, before it is known how fast it comes."""
    return min(ticket.upload_bytes, MOST_CHARGED)
