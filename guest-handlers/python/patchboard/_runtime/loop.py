"""The event loop of handlers: asyncio's own futures and tasks over the host's calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from time import monotonic
from typing import Any, NoReturn

from . import calls

_logger = logging.getLogger("asyncio")


class Loop(asyncio.AbstractEventLoop):
    """The one loop of an instance, which runs for as long as that lives."""

    def __init__(self) -> None:
        self._debug = False
        self._handler: Callable[[Loop, dict[str, Any]], object] | None = None
        self._factory: Any = None

    # Running

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def stop(self) -> None:
        """Nothing: the host's instance ends it."""

    def close(self) -> None:
        """Nothing: the host's instance ends it."""

    async def shutdown_asyncgens(self) -> None:
        """Nothing: the host's instance ends them."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Nothing: there is none."""

    def run_forever(self) -> NoReturn:
        raise RuntimeError("the server runs the event loop of a handler; run_forever() is not needed")

    def run_until_complete(self, future: Any) -> NoReturn:
        if asyncio.iscoroutine(future):
            future.close()
        raise RuntimeError(
            "the server runs the event loop of a handler; do it in a handler, or in app.on_startup"
        )

    # What runs

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        if context is None:
            context = copy_context()
        handle = asyncio.Handle(callback, args, self, context)
        call = calls.of(context)
        if call is None:
            raise RuntimeError("no request is being answered; do this in a handler, or in app.on_startup")
        call.ready.append(handle)
        if call is not calls._current:
            call.wake()
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(monotonic() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if context is None:
            context = copy_context()
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        call = calls.of(context)
        if call is None:
            raise RuntimeError("no request is being answered; do this in a handler, or in app.on_startup")
        call.at(when, handle)
        handle._scheduled = True
        if call is not calls._current:
            call.wake()
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        call = calls.of(handle._context)
        if call is not None:
            call.cancel_timer()

    def time(self) -> float:
        return monotonic()

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None, **options: Any
    ) -> asyncio.Task[Any]:
        if self._factory is not None:
            task = self._factory(self, coro, context=context)
        else:
            task = asyncio.Task(coro, loop=self, name=name, context=context, **options)
        call = calls.of(context) if context is not None else calls._current
        if call is not None:
            if len(call.tasks) >= 64:
                call.tasks = [other for other in call.tasks if not other.done()]
            call.tasks.append(task)
        return task

    def set_task_factory(self, factory: Any) -> None:
        self._factory = factory

    def get_task_factory(self) -> Any:
        return self._factory

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Runs it at once: a component has one thread, so nothing else runs meanwhile."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def set_default_executor(self, executor: Any) -> None:
        """Nothing: a component has one thread."""

    # What goes wrong

    def get_debug(self) -> bool:
        return self._debug

    def set_debug(self, enabled: bool) -> None:
        self._debug = enabled

    def get_exception_handler(self) -> Any:
        return self._handler

    def set_exception_handler(self, handler: Any) -> None:
        self._handler = handler

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        message = context.get("message") or "unhandled exception"
        _logger.error(message, exc_info=error if isinstance(error, BaseException) else None)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        try:
            if self._handler is not None:
                self._handler(self, context)
            else:
                self.default_exception_handler(context)
        except Exception:
            _logger.exception("the exception handler of the loop has failed")

    # What a component has none of

    def _absent(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError(
            "a handler has no sockets, processes, signals or pipes; it asks other servers by aiohttp.ClientSession"
        )

    async def _absent_async(self, *_: Any, **__: Any) -> NoReturn:
        self._absent()

    getaddrinfo = getnameinfo = create_connection = create_server = start_tls = sendfile = _absent_async
    create_unix_connection = create_unix_server = create_datagram_endpoint = _absent_async
    connect_accepted_socket = connect_read_pipe = connect_write_pipe = _absent_async
    subprocess_shell = subprocess_exec = sock_recv = sock_recv_into = sock_recvfrom = _absent_async
    sock_recvfrom_into = sock_sendall = sock_sendto = sock_connect = sock_accept = sock_sendfile = _absent_async
    add_reader = remove_reader = add_writer = remove_writer = _absent

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        """Nothing: signals are the server's."""

    def remove_signal_handler(self, sig: int) -> bool:
        return False
