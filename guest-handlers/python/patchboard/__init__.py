"""Patchboard, for handlers that are written in Python.

`aiohttp` beside this has the names that servers are written with. Here is what it has none for:
`patchboard.sql`, `key_value`, `blob` and `config`, each of which the operator grants; and the
URLs of other handlers' routes.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["static_url", "url_for"]


def url_for(name: str, parameters: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None) -> str:
    """The URL of a route of this server: of this handler, or with `HANDLER.` before its name of another."""
    from ._runtime import host

    return _url(host.url_for, name, list((parameters or {}).items()), list((query or {}).items()))


def static_url(mount: str, path: str) -> str:
    """The URL of a file of a static mount, with the version of its content."""
    from ._runtime import host

    return _url(host.static_url, mount, path)


def _url(ask: object, *arguments: object) -> str:
    from ._runtime import host

    try:
        return ask(*arguments)  # type: ignore[operator]
    except host.Err as error:
        kind = type(error.value).__name__.removeprefix("UrlError_")
        raise LookupError(f"there is no such URL: {kind}: {getattr(error.value, 'value', '')}") from None
