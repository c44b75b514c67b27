"""URLs: what handlers use of `yarl`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit, urlunsplit

from multidict import MultiDict, MultiDictProxy

__all__ = ["URL"]

_PATH_SAFE = "/:@!$&'()*+,;=~-._"
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def _requote(text: str, safe: str) -> str:
    """Encodes what has to be, and leaves alone what is encoded already."""
    return quote(text, safe=safe + "%")


def _query(query: Any) -> str:
    if query is None:
        return ""
    if isinstance(query, str):
        return _requote(query.removeprefix("?"), "/?:@!$&'()*+,;=~-._")
    pairs = query.items() if isinstance(query, Mapping) else query
    parts = []
    for key, value in pairs:
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(one, bool) or not isinstance(one, (str, int, float)):
                raise TypeError(f"a value of a query is a str, int or float, not {type(one).__name__}")
            parts.append(f"{quote_plus(key, safe='/:?@')}={quote_plus(str(one), safe='/:?@')}")
    return "&".join(parts)


class URL:
    """A URL, which does not change: what would change it gives another one."""

    __slots__ = ("_parts", "_query")

    def __init__(self, value: Any = "", *, encoded: bool = False) -> None:
        self._query: MultiDictProxy | None = None
        if isinstance(value, URL):
            self._parts = value._parts
            return
        scheme, netloc, path, query, fragment = urlsplit(str(value))
        if not encoded:
            path = _requote(path, _PATH_SAFE)
            query = _requote(query.replace(" ", "+"), "/?:@!$&'()*+,;=~-._")
            fragment = _requote(fragment, "/?:@!$&'()*+,;=~-._")
        self._parts = (scheme, netloc, path or ("/" if netloc else ""), query, fragment)

    @classmethod
    def build(
        cls, *, scheme: str = "", authority: str = "", user: str | None = None, password: str | None = None,
        host: str = "", port: int | None = None, path: str = "", query: Any = None, query_string: str = "",
        fragment: str = "", encoded: bool = False,
    ) -> URL:
        """One of its parts."""
        if not authority and host:
            login = f"{user}:{password}@" if password else f"{user}@" if user else ""
            authority = f"{login}{host}" + (f":{port}" if port is not None else "")
        made = cls.__new__(cls)
        made._query = None
        if not encoded:
            path = quote(path, safe=_PATH_SAFE)
        made._parts = (scheme, authority, path, _query(query) if query else query_string, fragment)
        return made

    def _with(self, **changes: str) -> URL:
        names = ("scheme", "netloc", "path", "query", "fragment")
        made = URL.__new__(URL)
        made._query = None
        made._parts = tuple(changes.get(name, part) for name, part in zip(names, self._parts))
        return made

    def __str__(self) -> str:
        scheme, netloc, path, query, fragment = self._parts
        return urlunsplit((scheme, netloc, path, query, fragment))

    def __repr__(self) -> str:
        return f"URL({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return self._parts == other._parts if isinstance(other, URL) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._parts)

    def __bool__(self) -> bool:
        return bool(self._parts[1] or self._parts[2] or self._parts[3] or self._parts[4])

    def __truediv__(self, name: str) -> URL:
        return self.joinpath(name)

    def __mod__(self, query: Any) -> URL:
        return self.update_query(query)

    # Its parts

    @property
    def scheme(self) -> str:
        return self._parts[0]

    @property
    def authority(self) -> str:
        return self._parts[1]

    raw_authority = authority

    @property
    def user(self) -> str | None:
        return self._split().username

    @property
    def password(self) -> str | None:
        return self._split().password

    def _split(self) -> Any:
        return urlsplit("//" + self._parts[1])

    @property
    def host(self) -> str | None:
        return self._split().hostname

    raw_host = host

    @property
    def explicit_port(self) -> int | None:
        return self._split().port

    @property
    def port(self) -> int | None:
        return self.explicit_port or _PORTS.get(self._parts[0])

    def is_absolute(self) -> bool:
        return bool(self._parts[1])

    absolute = property(is_absolute)

    def is_default_port(self) -> bool:
        return self.explicit_port in (None, _PORTS.get(self._parts[0]))

    @property
    def raw_path(self) -> str:
        return self._parts[2]

    @property
    def path(self) -> str:
        return unquote(self._parts[2])

    @property
    def raw_query_string(self) -> str:
        return self._parts[3]

    @property
    def query_string(self) -> str:
        return unquote(self._parts[3].replace("+", " "))

    @property
    def path_qs(self) -> str:
        return self.path + (f"?{self.query_string}" if self._parts[3] else "")

    @property
    def raw_path_qs(self) -> str:
        return self._parts[2] + (f"?{self._parts[3]}" if self._parts[3] else "")

    @property
    def query(self) -> MultiDictProxy:
        if self._query is None:
            self._query = MultiDictProxy(MultiDict(parse_qsl(self._parts[3], keep_blank_values=True)))
        return self._query

    @property
    def fragment(self) -> str:
        return unquote(self._parts[4])

    raw_fragment = property(lambda self: self._parts[4])

    @property
    def raw_parts(self) -> tuple[str, ...]:
        path = self._parts[2]
        return ("/", *path[1:].split("/")) if path.startswith("/") else tuple(path.split("/"))

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(unquote(part) for part in self.raw_parts)

    @property
    def name(self) -> str:
        return self.parts[-1] if self._parts[2] not in ("", "/") else ""

    raw_name = name

    @property
    def suffix(self) -> str:
        dot = self.name.rfind(".")
        return self.name[dot:] if 0 < dot < len(self.name) - 1 else ""

    @property
    def parent(self) -> URL:
        return self._with(path=self._parts[2].rpartition("/")[0] or "/", query="", fragment="")

    # Others made of it

    def origin(self) -> URL:
        return self._with(netloc=self._parts[1].rpartition("@")[2], path="", query="", fragment="")

    def relative(self) -> URL:
        return self._with(scheme="", netloc="")

    def with_scheme(self, scheme: str) -> URL:
        return self._with(scheme=scheme)

    def with_host(self, host: str) -> URL:
        port = self.explicit_port
        return self._with(netloc=host + (f":{port}" if port is not None else ""))

    def with_port(self, port: int | None) -> URL:
        return self._with(netloc=(self.host or "") + (f":{port}" if port is not None else ""))

    def with_path(self, path: str, *, encoded: bool = False) -> URL:
        path = path if encoded else quote(path, safe=_PATH_SAFE)
        return self._with(path=path if path.startswith("/") or not self._parts[1] else f"/{path}", query="", fragment="")

    def with_name(self, name: str) -> URL:
        head = self._parts[2].rpartition("/")[0]
        return self._with(path=f"{head}/{quote(name, safe=_PATH_SAFE[1:])}", query="", fragment="")

    def with_fragment(self, fragment: str | None) -> URL:
        return self._with(fragment=quote(fragment or "", safe="/?:@!$&'()*+,;="))

    def with_query(self, query: Any = None, /, **kwargs: Any) -> URL:
        return self._with(query=_query(query if query is not None else kwargs or None))

    def update_query(self, query: Any = None, /, **kwargs: Any) -> URL:
        merged = MultiDict(self.query)
        new = query if query is not None else kwargs
        merged.update(parse_qsl(new, keep_blank_values=True) if isinstance(new, str) else new)
        return self._with(query=_query(merged))

    def extend_query(self, query: Any = None, /, **kwargs: Any) -> URL:
        merged = MultiDict(self.query)
        merged.extend(query if query is not None else kwargs)
        return self._with(query=_query(merged))

    def without_query_params(self, *names: str) -> URL:
        return self._with(query=_query([(key, value) for key, value in self.query.items() if key not in names]))

    def joinpath(self, *names: str, encoded: bool = False) -> URL:
        path = self._parts[2].rstrip("/")
        for name in names:
            path += "/" + (name if encoded else quote(name, safe=_PATH_SAFE)).strip("/")
        return self._with(path=path, query="", fragment="")

    def join(self, other: URL) -> URL:
        from urllib.parse import urljoin

        return URL(urljoin(str(self), str(other)), encoded=True)

    def human_repr(self) -> str:
        scheme, netloc, _, _, _ = self._parts
        return urlunsplit((scheme, netloc, self.path, self.query_string, self.fragment))
