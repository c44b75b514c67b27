"""Tasks that outlive their response: the host is told of each, and says when its time is over."""

from __future__ import annotations

import asyncio
from typing import Any

from . import calls, host, log


def _name(task: asyncio.Task[Any]) -> str:
    own = task.get_name()
    if not own.startswith("Task-"):
        return own
    coroutine = task.get_coro()
    return getattr(coroutine, "__qualname__", None) or own


def hold(call: calls.Call) -> None:
    """Announces what a call has begun and not ended. What the host does not take is cancelled."""
    for task in call.tasks:
        if task.done() or task in call.held:
            continue
        name = _name(task)
        try:
            held = host.start_task(name)
        except host.Err as error:
            host.log(host.LEVELS.WARN, "asyncio", f"task {name} is cancelled: {getattr(error.value, 'value', error.value)}")
            task.cancel()
            continue
        call.held.add(task)
        calls.spawn(_watch(held, task, name))


async def _watch(held: Any, task: asyncio.Task[Any], name: str) -> None:
    over = calls.spawn(held.over().read())
    with held:
        while not task.done():
            done, _ = await asyncio.wait([task, over], return_when=asyncio.FIRST_COMPLETED)
            if over in done and not task.done():
                task.cancel(f"the call is over: {host.reason(over.result())}")
                await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            log.report(f"task {name} has failed", error)
            held.fail(f"{type(error).__name__}: {error}")
