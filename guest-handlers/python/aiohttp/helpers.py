"""Small things that requests and responses share."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, MutableMapping
from email.utils import parsedate_to_datetime
from datetime import datetime, timezone
from typing import Any, NamedTuple
from urllib.parse import quote

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = re.compile(rf'\s*;\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')
_ESCAPED = re.compile(r"\\(.)")


class Keeping(MutableMapping[str, Any]):
    """What an application keeps with a request or a response, made when it is first needed."""

    _state: dict[str, Any] | None

    def __getitem__(self, key: str) -> Any:
        if self._state is None:
            raise KeyError(key)
        return self._state[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if self._state is None:
            self._state = {}
        self._state[key] = value

    def __delitem__(self, key: str) -> None:
        if self._state is None:
            raise KeyError(key)
        del self._state[key]

    def __len__(self) -> int:
        return len(self._state or ())

    def __iter__(self) -> Iterator[str]:
        return iter(self._state or ())

    def __bool__(self) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(id(self))

    def __eq__(self, other: object) -> bool:
        return self is other


class BasicAuth(NamedTuple):
    """A login and a password (RFC 7617)."""

    login: str
    password: str = ""
    encoding: str = "latin1"

    @classmethod
    def decode(cls, auth_header: str, encoding: str = "latin1") -> BasicAuth:
        """Reads the value of `Authorization`."""
        scheme, _, value = auth_header.partition(" ")
        if scheme.lower() != "basic":
            raise ValueError(f"unknown scheme of Authorization: {scheme}")
        try:
            login, colon, password = base64.b64decode(value.strip().encode("ascii"), validate=True).decode(encoding).partition(":")
        except (binascii.Error, UnicodeError) as error:
            raise ValueError("Authorization is no base64") from error
        if not colon:
            raise ValueError("Authorization has no colon")
        return cls(login, password, encoding)

    def encode(self) -> str:
        """The value of `Authorization`."""
        return "Basic " + base64.b64encode(f"{self.login}:{self.password}".encode(self.encoding)).decode()


class ETag(NamedTuple):
    """An entity tag (RFC 9110, section 8.8.3)."""

    value: str
    is_weak: bool = False


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """The first part of a field's value, and the parameters after it."""
    head, _, _ = value.partition(";")
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(value, len(head)):
        name, quoted, plain = match.groups()
        found.setdefault(name.lower(), plain if quoted is None else _ESCAPED.sub(r"\1", quoted))
    return head.strip(), found


def http_date(value: str | None) -> datetime | None:
    """The moment that a field names; none where it names none."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)


def disposition(kind: str, fields: dict[str, str]) -> str:
    """The value of `Content-Disposition`."""
    parts = [kind]
    for name, value in fields.items():
        if value.isascii() and value.isprintable():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'{name}="{escaped}"')
        else:
            parts.append(f"{name}*=utf-8''{quote(value, safe='')}")
    return "; ".join(parts)


class reify:  # noqa: N801 (a decorator)
    """A property that is computed once."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped
        self.name = wrapped.__name__
        self.__doc__ = wrapped.__doc__

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        value = instance._cache.get(self.name, self)
        if value is self:
            value = instance._cache[self.name] = self.wrapped(instance)
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        raise AttributeError(f"{self.name} cannot be set")
