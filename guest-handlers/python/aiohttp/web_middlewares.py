"""Middlewares that come with it, and the decorator that marks one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .web_exceptions import HTTPMove, HTTPPermanentRedirect

__all__ = ["middleware", "normalize_path_middleware"]

_F = TypeVar("_F")


def middleware(f: _F) -> _F:
    """Marks a middleware, which is `async def f(request, handler)`."""
    f.__middleware_version__ = 1  # type: ignore[attr-defined]
    return f


def normalize_path_middleware(
    *, append_slash: bool = True, remove_slash: bool = False, merge_slashes: bool = True,
    redirect_class: type[HTTPMove] = HTTPPermanentRedirect,
) -> Callable[..., Any]:
    """Lets all pass: which path is whose the server decides, with `slashes` of its configuration."""
    if append_slash and remove_slash:
        raise AssertionError("Cannot both remove and append slash")

    @middleware
    async def passes(request: Any, handler: Any) -> Any:
        return await handler(request)

    return passes
