"""The names of uvloop: a handler's loop is the server's, so choosing another does nothing."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["EventLoopPolicy", "Loop", "install", "new_event_loop", "run"]


class EventLoopPolicy(asyncio.DefaultEventLoopPolicy):  # type: ignore[misc]
    """Accepted where a policy is set; the loop stays what it is."""


Loop = asyncio.AbstractEventLoop


def new_event_loop() -> asyncio.AbstractEventLoop:
    """The loop there is."""
    return asyncio.get_event_loop()


def install() -> None:
    """Nothing."""


def run(main: Any, **_: Any) -> Any:
    """As `asyncio.run`."""
    return asyncio.run(main)
