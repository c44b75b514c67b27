"""Calls and what they wait for: the component model's tasks under asyncio's.

Each call of the host is a task of its own, with a set of what it waits for, and the host
comes back to that task alone. So each call has its own queue of what is ready, and all that
was begun in it runs in it: what it asks of the host is known to be its own. What another
call makes ready is put in its queue, and wakes it.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from time import monotonic
from typing import Any

import componentize_py_async_support as support
import componentize_py_runtime as runtime
from componentize_py_types import Ok

from . import host

# What a callback tells the host.
_EXIT, _YIELD, _WAIT = 0, 1, 2
# What the host tells a callback.
_SUBTASK, _RETURNED = 1, 2
# How much of what is ready runs before others have their turn.
_BATCH = 512
# From so many on, timers that were cancelled are thrown away before they are due.
_CANCELLED = 64

_CALL: ContextVar[Call | None] = ContextVar("call", default=None)


class _Wait:
    """Something that the host is asked for, until it has answered."""

    __slots__ = ("event", "promise", "waitable", "when")

    def __init__(self, waitable: int, promise: int, event: Callable[[Any], None] | None, when: float = 0.0):
        self.waitable = waitable
        self.promise = promise
        self.event = event
        self.when = when


# Clocks that nobody waits for any more. They cannot be cancelled, so others take them up.
_orphans: list[_Wait] = []
# What else was begun by calls that have ended, such as a request whose time was over. Another call
# takes in that it has come to its end.
_abandoned: list[_Wait] = []
_NEVER = float("inf")


class Call:
    """A call, or what goes on after its response."""

    __slots__ = (
        "_idle", "_set", "_timers", "_wake", "_waits", "asks", "cancelled", "finished", "held", "main", "over",
        "own", "ready", "tasks", "woken",
    )

    def __init__(self) -> None:
        self.ready: deque[asyncio.Handle] = deque()
        # What the application has begun, of these what the host was told of, and what we have.
        self.tasks: list[asyncio.Task[Any]] = []
        self.held: set[asyncio.Task[Any]] = set()
        self.own: list[asyncio.Task[Any]] = []
        self.main: asyncio.Task[Any] | None = None
        self.over: str | None = None
        self.asks = False
        self.finished = False
        self.woken = False
        self.cancelled = 0
        self._set = 0
        self._waits: dict[int, _Wait] = {}
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        # Of these, the ones that nobody waits for but timers.
        self._idle: list[_Wait] = []
        self._wake: tuple[int, int, int] | None = None

    # What it waits for

    def _waits_in(self) -> int:
        if self._set == 0:
            self._set = runtime.waitable_set_new()
        return self._set

    def wait(self, waitable: int, promise: int, event: Callable[[Any], None] | None) -> None:
        """Has `event` told what the host answers; without one, the answer is dropped."""
        self._waits[waitable] = _Wait(waitable, promise, event)
        runtime.waitable_join(waitable, self._waits_in())

    def answered(self, kind: int, waitable: int, code: int) -> None:
        """Takes in an event of the host's."""
        if kind == _SUBTASK and code != _RETURNED:
            return
        wait = self._waits.pop(waitable, None)
        if wait is None:
            return
        runtime.waitable_join(waitable, 0)
        if kind == _SUBTASK:
            runtime.subtask_drop(waitable)
        value = runtime.promise_get_result(code, wait.promise)
        if wait.when:
            self._idle.remove(wait)
        if wait.event is not None:
            wait.event(value)

    def abandon(self, waitable: int) -> None:
        """Nobody waits for it any more, and so the call does not; it cannot be cancelled."""
        wait = self._waits.get(waitable)
        if wait is not None and not wait.when:
            wait.event, wait.when = None, _NEVER
            self._idle.append(wait)

    def _adopt(self, wait: _Wait) -> None:
        self._waits[wait.waitable] = wait
        self._idle.append(wait)
        runtime.waitable_join(wait.waitable, self._waits_in())

    # Timers

    def at(self, when: float, handle: asyncio.TimerHandle) -> None:
        heapq.heappush(self._timers, (when, next(_counter), handle))

    def cancel_timer(self) -> None:
        self.cancelled += 1
        if self.cancelled >= _CANCELLED and self.cancelled * 2 > len(self._timers):
            self._timers = [entry for entry in self._timers if not entry[2].cancelled()]
            heapq.heapify(self._timers)
            self.cancelled = 0

    def _next_timer(self) -> float | None:
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
            self.cancelled = max(0, self.cancelled - 1)
        return timers[0][0] if timers else None

    def _due(self) -> None:
        if self._timers:
            now = monotonic() + 1e-6
            while (when := self._next_timer()) is not None and when <= now:
                self.ready.append(heapq.heappop(self._timers)[2])

    def _arm(self) -> None:
        """Sees to it that the host comes back when the next timer is due, at the latest."""
        while _abandoned:
            self._adopt(_abandoned.pop())
        when = self._next_timer()
        if when is None or any(clock.when <= when for clock in self._idle):
            return
        usable = [clock for clock in _orphans if clock.when <= when]
        if usable:
            clock = max(usable, key=lambda clock: clock.when)
            _orphans.remove(clock)
        else:
            begun = begin(host.sleep(max(0, int((when - monotonic()) * 1e9))))
            if begun is None:
                return
            clock = _Wait(*begun, None, when)
        self._adopt(clock)

    # Whether anybody waits for it

    def _ask(self) -> None:
        self.asks = True
        begun = begin(host.over())
        if begun is not None:
            self.wait(*begun, self._told)

    def _told(self, reason: Any) -> None:
        name = host.reason(reason)
        if name == "done":
            return
        self.over = name
        if self.main is not None and not self.main.done():
            self.main.cancel(f"the call is over: {name}")

    # Being woken by another call

    def wake(self) -> None:
        """Has the host come back to it, from another call."""
        if self.woken or self.finished:
            return
        self.woken = True
        if self._wake is None:
            writer, reader = host.byte_stream()
            writer.finalizer.detach()
            reader.finalizer.detach()
            self._wake = (reader.type_, reader.handle, writer.handle)
        kind, reader, writer = self._wake
        begun = runtime.stream_read(kind, reader, 1)
        self.wait(*begun.value, self._awake)
        runtime.stream_write(kind, writer, b"\0")

    def _awake(self, _: Any) -> None:
        self.woken = False

    # Its turns

    def run(self) -> int:
        """Runs what is ready; what the host is to do next."""
        global _current
        before, _current = _current, self
        try:
            return self._run()
        finally:
            _current = before

    def _run(self) -> int:
        ready = self.ready
        left = _BATCH
        if self._timers:
            self._due()
        while ready and left:
            left -= 1
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()
        if ready:
            runtime.context_set(self)
            return _YIELD
        main = self.main
        if main is not None and main.done() and not self._goes_on():
            return self._exit()
        if not self.asks and main is not None and not main.done():
            self._ask()
        self._arm()
        if ready:
            runtime.context_set(self)
            return _YIELD
        runtime.context_set(self)
        return _WAIT | (self._waits_in() << 4)

    def _goes_on(self) -> bool:
        """Whether anything of it is under way that somebody waits for."""
        if self.tasks:
            self.tasks = [task for task in self.tasks if not task.done()]
        if self.own:
            self.own = [task for task in self.own if not task.done()]
        return bool(self.tasks or self.own) or len(self._waits) > len(self._idle)

    def _exit(self) -> int:
        self.finished = True
        for wait in self._idle:
            runtime.waitable_join(wait.waitable, 0)
            (_abandoned if wait.when == _NEVER else _orphans).append(wait)
        self._idle.clear()
        self._timers.clear()
        if self._wake is not None:
            kind, reader, writer = self._wake
            runtime.stream_drop_readable(kind, reader)
            runtime.stream_drop_writable(kind, writer)
            self._wake = None
        if self._set:
            runtime.waitable_set_drop(self._set)
            self._set = 0
        return _EXIT


def _count():
    number = 0
    while True:
        yield number
        number += 1


_counter = _count()
_current: Call | None = None


def current() -> Call | None:
    """The call whose turn it is."""
    return _current


def of(context: Context | None) -> Call | None:
    """The call that a context belongs to: the one whose turn it is, if its own has ended."""
    call = context.get(_CALL) if context is not None else None
    return _current if call is None or call.finished else call


_capture: list[tuple[int, int]] | None = None


class _Bare:
    def __await__(self):
        yield None


def begin(coroutine: Coroutine[Any, Any, Any]) -> tuple[int, int] | None:
    """Begins an import that nobody awaits: what it is known by; none where it has its answer."""
    global _capture
    _capture = []
    try:
        coroutine.send(None)
        begun = _capture
    except StopIteration:
        return None
    finally:
        _capture = None
        coroutine.close()
    return begun[0]


async def await_result(result: Any) -> Any:
    """What an import, or an operation of a stream or future, has come to."""
    if isinstance(result, Ok):
        return result.value
    waitable, promise = result.value
    if _capture is not None:
        _capture.append((waitable, promise))
        await _Bare()
    call = _current
    assert call is not None
    future = asyncio.Future(loop=asyncio.get_running_loop())
    call.wait(waitable, promise, lambda value: future.done() or future.set_result(value))
    try:
        return await future
    except asyncio.CancelledError:
        call.abandon(waitable)
        raise


def spawn(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Goes on with something that has to come to its end, whatever becomes of who began it."""
    call = _current
    assert call is not None
    task = asyncio.Task(coroutine, loop=asyncio.get_running_loop())
    call.own.append(task)
    return task


def first_poll(index: int, borrows: int, begun: Callable[[Call, Callable[[Any], None]], Coroutine[Any, Any, None]]) -> int:
    """A call has come; `begun` makes what answers it."""
    global _current
    call = Call()
    context = Context()
    context.run(_CALL.set, call)
    before, _current = _current, call
    try:
        coroutine = begun(call, lambda response: runtime.call_task_return(index, borrows, Ok(response)))
        call.main = asyncio.Task(coroutine, loop=support._loop, context=context, eager_start=True)
        # Most calls have their answer already.
        if call.main.done() and not (call.tasks or call.own or call._waits or call.ready):
            return call._exit()
        return call._run()
    finally:
        _current = before


def callback(kind: int, waitable: int, code: int) -> int:
    """The host comes back to a call."""
    call = runtime.context_get()
    runtime.context_set(None)
    global _current
    before, _current = _current, call
    try:
        if kind:
            call.answered(kind, waitable, code)
        return call._run()
    finally:
        _current = before


def install(loop: asyncio.AbstractEventLoop) -> None:
    """Takes the place of the toolchain's own loop, which has no timers."""
    support._loop = loop
    support.first_poll = first_poll
    support.callback = callback
    support.await_result = await_result
    support.spawn = spawn
    asyncio.events._set_running_loop(loop)
