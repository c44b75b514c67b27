"""Header fields, as they cross."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from . import host

_Fields = host.types.Fields
# What most responses have, packed once.
_packed: dict[tuple[str, ...], Any] = {}
_PACKED_MOST = 64


def fields(packed: Any) -> Iterator[tuple[bytes, bytes]]:
    """The names and values."""
    text, start = packed.text, 0
    ends = iter(packed.ends)
    for name_end in ends:
        value_end = next(ends)
        yield text[start:name_end], text[name_end:value_end]
        start = value_end


def pack_pairs(pairs: Iterable[tuple[str, str]]) -> Any:
    """Packs them."""
    text, ends = bytearray(), []
    for name, value in pairs:
        text += name.lower().encode()
        ends.append(len(text))
        text += value.encode("utf-8", "surrogateescape")
        ends.append(len(text))
    return _Fields(bytes(text), ends)


def pack(response: Any) -> Any:
    """The fields of a response."""
    items = response._headers._items
    cookies = response._cookies
    if len(items) == 1 and not cookies and items[0][0] == "content-type":
        key = items[0][2]
        found = _packed.get(key)
        if found is None:
            found = pack_pairs([("content-type", key)])
            if len(_packed) < _PACKED_MOST:
                _packed[key] = found
        return found
    pairs = [(name, str(value)) for name, _, value in items]
    if not any(name == "content-type" for name, _ in pairs) and response._body_has_type():
        pairs.append(("content-type", "application/octet-stream"))
    if cookies:
        pairs += [("set-cookie", morsel.OutputString()) for morsel in cookies.values()]
    return pack_pairs(pairs)
