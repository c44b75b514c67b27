"""Key-value buckets that the operator has granted: `key_value` in patchboard.toml.

    bucket = key_value.open("default")
    await bucket.set("visits", b"1")
    await bucket.increment("visits")
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from ._runtime import host

try:
    from wit_world.imports import key_value as imported
except ImportError:
    imported = None  # type: ignore[assignment]

__all__ = ["Bucket", "Error", "open"]


class Error(Exception):
    """An operation has failed; the text says why."""


def _error(error: Any) -> Error:
    kind = type(error).__name__.removeprefix("Error_")
    texts = {"NoSuchStore": "there can be no bucket of this name", "AccessDenied": "the bucket is not granted"}
    return Error(texts.get(kind) or getattr(error, "value", kind))


class Bucket:
    """A collection of keys, each with a value. Each operation is atomic."""

    def __init__(self, name: str) -> None:
        if imported is None:
            raise RuntimeError("a bucket is there in a handler only, while it answers a request")
        try:
            self._bucket = imported.Bucket.open(name)
        except host.Err as error:
            raise _error(error.value) from None

    async def _do(self, operation: Any) -> Any:
        try:
            return await operation
        except host.Err as error:
            raise _error(error.value) from None

    async def get(self, key: str) -> bytes | None:
        """The value of a key, if it has one."""
        return await self._do(self._bucket.get(key))

    async def set(self, key: str, value: bytes) -> None:
        """Sets the value of a key."""
        await self._do(self._bucket.set(key, value))

    async def delete(self, key: str) -> None:
        """Leaves a key without a value."""
        await self._do(self._bucket.delete(key))

    async def exists(self, key: str) -> bool:
        """Whether a key has a value."""
        return await self._do(self._bucket.exists(key))

    async def increment(self, key: str, delta: int = 1) -> int:
        """Adds to the number that a key has; gives the sum."""
        return await self._do(self._bucket.increment(key, delta))

    async def compare_and_swap(self, key: str, expected: bytes | None, value: bytes) -> bool:
        """Sets the value of a key if it is the expected one; whether it was."""
        try:
            await self._bucket.compare_and_swap(key, expected, value)
        except host.Err as error:
            if type(error.value).__name__ == "SwapError_SwapFailed":
                return False
            raise _error(error.value.value) from None
        return True

    async def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The keys that have values, with these."""
        found = await self._do(self._bucket.get_many(list(keys)))
        return dict(pair for pair in found if pair is not None)

    async def set_many(self, values: Mapping[str, bytes]) -> None:
        """Sets all of them, or none."""
        await self._do(self._bucket.set_many(list(values.items())))

    async def delete_many(self, keys: Iterable[str]) -> None:
        """Leaves all of them without values."""
        await self._do(self._bucket.delete_many(list(keys)))

    async def keys(self) -> AsyncIterator[str]:
        """All keys, page by page."""
        cursor = None
        while True:
            page = await self._do(self._bucket.list_keys(cursor))
            for key in page.keys:
                yield key
            cursor = page.cursor
            if cursor is None:
                return


def open(name: str) -> Bucket:  # noqa: A001 (what else)
    """The bucket that is granted under this name."""
    return Bucket(name)
