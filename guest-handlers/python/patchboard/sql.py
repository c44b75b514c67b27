"""Databases that the operator has granted: `sql` in patchboard.toml.

    database = sql.open("orders")
    async for row in database.query("SELECT id, name FROM items WHERE price < $1", 10):
        print(row["id"], row["name"])
    async with database.begin() as transaction:
        await transaction.execute("INSERT INTO items VALUES ($1, $2)", 1, "pear")
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from ._runtime import host

try:
    from wit_world.imports import sql as imported
    from wit_world.imports import sql_types as types
except ImportError:
    imported = types = None  # type: ignore[assignment]

__all__ = [
    "ConflictError", "ConstraintError", "Database", "Error", "Row", "TimedOutError", "Transaction", "UnavailableError",
    "open",
]

Value = None | bool | int | float | str | bytes


class Error(Exception):
    """A statement has failed; the text says why."""


class UnavailableError(Error):
    """The database cannot be reached, or has no connection free."""


class TimedOutError(Error):
    """It took longer than the operator allows, and has been rolled back."""


class ConflictError(Error):
    """Another transaction came between; the same again may succeed."""


class ConstraintError(Error):
    """A constraint would have been violated: `kind` is `unique`, `foreign_key`, `not_null`, `check` or `other`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def _error(error: Any) -> Error:
    kind = type(error).__name__.removeprefix("Error_")
    value = getattr(error, "value", kind)
    if kind == "Constraint":
        return ConstraintError(value.kind.name.lower(), value.message)
    known = {"Unavailable": UnavailableError, "TimedOut": TimedOutError, "Conflict": ConflictError}
    text = f"the database {value} is not granted" if kind == "NoSuchDatabase" else str(value)
    return known.get(kind, Error)(text)


def _in(value: Value) -> Any:
    match value:
        case None:
            return types.Value_Null()
        case bool():
            return types.Value_Boolean(value)
        case int():
            return types.Value_Integer(value)
        case float():
            return types.Value_Real(value)
        case str():
            return types.Value_Text(value)
        case bytes() | bytearray() | memoryview():
            return types.Value_Blob(bytes(value))
    raise TypeError(f"a parameter is None, bool, int, float, str or bytes, not {type(value).__name__}")


class Row(Mapping[str, Any]):
    """A row: by the names of its columns, or by their numbers."""

    __slots__ = ("_columns", "_values")

    def __init__(self, columns: dict[str, int], values: tuple[Any, ...]) -> None:
        self._columns, self._values = columns, values

    def __getitem__(self, key: str | int) -> Any:
        return self._values[key if isinstance(key, int) else self._columns[key]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"<Row {dict(self)}>"


class _Statements:
    _own: Any

    async def execute(self, statement: str, *parameters: Value) -> int:
        """Runs a statement; gives the number of rows it has changed."""
        try:
            return await self._own.execute(statement, [_in(value) for value in parameters])
        except host.Err as error:
            raise _error(error.value) from None

    async def query(self, statement: str, *parameters: Value) -> AsyncIterator[Row]:
        """The rows of a statement, batch by batch as they are asked for."""
        try:
            result = await self._own.query(statement, [_in(value) for value in parameters])
            columns = {name: number for number, name in enumerate(result.columns)}
            rows, rest = result.rows, result.rest
            while rows:
                for row in rows:
                    yield Row(columns, tuple(getattr(value, "value", None) for value in row))
                rows = await rest.next() if rest is not None else []
        except host.Err as error:
            raise _error(error.value) from None

    async def rows(self, statement: str, *parameters: Value) -> list[Row]:
        """All rows of a statement, at once."""
        return [row async for row in self.query(statement, *parameters)]

    async def row(self, statement: str, *parameters: Value) -> Row | None:
        """The first row of a statement, if there is one."""
        async for row in self.query(statement, *parameters):
            return row
        return None


class Database(_Statements):
    """A database, whose statements are each a transaction of their own."""

    def __init__(self, name: str) -> None:
        if imported is None:
            raise RuntimeError("a database is there in a handler only, while it answers a request")
        try:
            self._own = imported.Database.open(name)
        except host.Err as error:
            raise _error(error.value) from None

    def begin(self) -> Transaction:
        """A transaction: committed at the end of `async with`, rolled back where that is left by an error."""
        return Transaction(self._own)


class Transaction(_Statements):
    """Statements that are one."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._is_over = False

    async def __aenter__(self) -> Self:
        try:
            self._own = await self._database.begin()
        except host.Err as error:
            raise _error(error.value) from None
        return self

    async def commit(self) -> None:
        """Makes it permanent."""
        self._is_over = True
        try:
            await self._own.commit()
        except host.Err as error:
            raise _error(error.value) from None

    async def rollback(self) -> None:
        """Undoes it."""
        self._is_over = True
        try:
            await self._own.rollback()
        except host.Err as error:
            raise _error(error.value) from None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._is_over:
            return
        if kind is None:
            await self.commit()
        elif isinstance(error, Exception):
            await self.rollback()


def open(name: str) -> Database:  # noqa: A001 (what else)
    """The database that is granted under this name."""
    return Database(name)
