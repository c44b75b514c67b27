"""Dictionaries with several values a key, in the order they came: the names of `multidict`."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from typing import Any

__all__ = [
    "CIMultiDict", "CIMultiDictProxy", "MultiDict", "MultiDictProxy", "MultiMapping", "MutableMultiMapping",
    "getversion", "istr", "upstr",
]

_MISSING: Any = object()


class istr(str):  # noqa: N801 (the name is multidict's)
    """A key whose case does not count."""

    __slots__ = ()


upstr = istr


class MultiMapping(Mapping[str, Any]):
    """What can be read of one."""

    __slots__ = ("_items",)
    # Each entry: the key as it is compared, the key as it was given, the value.
    _items: list[tuple[str, str, Any]]

    @staticmethod
    def _identity(key: str) -> str:
        if not isinstance(key, str):
            raise TypeError(f"keys are strings, not {type(key).__name__}")
        return key

    def getall(self, key: str, default: Any = _MISSING) -> list[Any]:
        """All values of a key."""
        wanted = self._identity(key)
        found = [value for identity, _, value in self._items if identity == wanted]
        if found:
            return found
        if default is _MISSING:
            raise KeyError(key)
        return default

    def getone(self, key: str, default: Any = _MISSING) -> Any:
        """The first value of a key."""
        wanted = self._identity(key)
        for identity, _, value in self._items:
            if identity == wanted:
                return value
        if default is _MISSING:
            raise KeyError(key)
        return default

    def get(self, key: str, default: Any = None) -> Any:
        return self.getone(key, default)

    def __getitem__(self, key: str) -> Any:
        return self.getone(key)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        wanted = self._identity(key)
        return any(identity == wanted for identity, _, _ in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[str]:
        return (key for _, key, _ in self._items)

    def keys(self) -> KeysView[str]:
        return _Keys(self)

    def values(self) -> ValuesView[Any]:
        return _Values(self)

    def items(self) -> ItemsView[str, Any]:
        return _Items(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MultiMapping):
            return [(i, v) for i, _, v in self._items] == [(i, v) for i, _, v in other._items]
        if isinstance(other, Mapping):
            return len(self._items) == len(other) and all(
                key in other and other[key] == value for _, key, value in self._items
            )
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        inside = ", ".join(f"{key!r}: {value!r}" for _, key, value in self._items)
        return f"<{type(self).__name__}({inside})>"


class _Keys(KeysView[str]):
    __slots__ = ()


class _Values(ValuesView[Any]):
    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return (value for _, _, value in self._mapping._items)

    def __contains__(self, value: object) -> bool:
        return any(other == value for other in self)


class _Items(ItemsView[str, Any]):
    __slots__ = ()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return ((key, value) for _, key, value in self._mapping._items)

    def __contains__(self, item: object) -> bool:
        return any(other == item for other in self)


class MutableMultiMapping(MultiMapping, MutableMapping[str, Any]):
    """What can be changed as well."""

    __slots__ = ()


class MultiDict(MutableMultiMapping):
    """Keys with one value or several, in order."""

    __slots__ = ()

    def __init__(self, arg: Any = None, /, **kwargs: Any) -> None:
        self._items = []
        self.extend(arg, **kwargs)

    def _pairs(self, arg: Any, kwargs: dict[str, Any]) -> Iterable[tuple[str, Any]]:
        if arg is not None:
            yield from (arg.items() if hasattr(arg, "items") else arg)
        yield from kwargs.items()

    def add(self, key: str, value: Any) -> None:
        """Adds a value to those that the key has."""
        self._items.append((self._identity(key), key, value))

    def extend(self, arg: Any = None, /, **kwargs: Any) -> None:
        """Adds all of them."""
        for key, value in list(self._pairs(arg, kwargs)):
            self._items.append((self._identity(key), key, value))

    def update(self, arg: Any = None, /, **kwargs: Any) -> None:
        """Sets them, in place of what these keys have."""
        pairs = list(self._pairs(arg, kwargs))
        new = {self._identity(key) for key, _ in pairs}
        self._items = [item for item in self._items if item[0] not in new]
        self.extend(pairs)

    def merge(self, arg: Any = None, /, **kwargs: Any) -> None:
        """Adds those whose keys it does not have."""
        had = {item[0] for item in self._items}
        self.extend([(key, value) for key, value in self._pairs(arg, kwargs) if self._identity(key) not in had])

    def copy(self) -> Any:
        return type(self)(self)

    def __setitem__(self, key: str, value: Any) -> None:
        wanted = self._identity(key)
        items = self._items
        for at, item in enumerate(items):
            if item[0] == wanted:
                items[at + 1 :] = [other for other in items[at + 1 :] if other[0] != wanted]
                items[at] = (wanted, key, value)
                return
        items.append((wanted, key, value))

    def __delitem__(self, key: str) -> None:
        wanted = self._identity(key)
        left = [item for item in self._items if item[0] != wanted]
        if len(left) == len(self._items):
            raise KeyError(key)
        self._items = left

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key in self:
            return self.getone(key)
        self.add(key, default)
        return default

    def popone(self, key: str, default: Any = _MISSING) -> Any:
        """Takes the first value of a key."""
        wanted = self._identity(key)
        for at, item in enumerate(self._items):
            if item[0] == wanted:
                del self._items[at]
                return item[2]
        if default is _MISSING:
            raise KeyError(key)
        return default

    pop = popone

    def popall(self, key: str, default: Any = _MISSING) -> Any:
        """Takes all values of a key."""
        found = self.getall(key, default)
        if key in self:
            del self[key]
        return found

    def popitem(self) -> tuple[str, Any]:
        if not self._items:
            raise KeyError("it is empty")
        _, key, value = self._items.pop()
        return key, value

    def clear(self) -> None:
        self._items.clear()


class CIMultiDict(MultiDict):
    """One whose keys are compared without their case, such as header fields."""

    __slots__ = ()

    @staticmethod
    def _identity(key: str) -> str:
        if not isinstance(key, str):
            raise TypeError(f"keys are strings, not {type(key).__name__}")
        return key.lower()


class _Proxy(MultiMapping):
    __slots__ = ()
    _of: type[MultiDict] = MultiDict

    def __init__(self, of: MultiMapping) -> None:
        self._items = of._items

    def copy(self) -> Any:
        """One of its own that can be changed."""
        return self._of(self)


class MultiDictProxy(_Proxy):
    """A view that cannot change what it shows."""

    __slots__ = ()


class CIMultiDictProxy(_Proxy):
    """Likewise, of keys whose case does not count."""

    __slots__ = ()
    _of = CIMultiDict
    _identity = staticmethod(CIMultiDict._identity)


def getversion(of: MultiMapping) -> int:
    """Not kept; there for who imports it."""
    return len(of)
