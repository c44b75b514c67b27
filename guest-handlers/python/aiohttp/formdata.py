"""Forms, as a client sends them."""

from __future__ import annotations

import io
import mimetypes
import os
import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from .helpers import disposition

__all__ = ["FormData"]


class FormData:
    """Fields, and maybe files: urlencoded, or in parts where there is a file."""

    def __init__(self, fields: Any = (), quote_fields: bool = True, charset: str | None = None, *, default_to_multipart: bool = False) -> None:
        self._fields: list[tuple[dict[str, str], str | None, bytes]] = []
        self._is_multipart = default_to_multipart
        self._charset = charset or "utf-8"
        if isinstance(fields, dict):
            fields = list(fields.items())
        elif hasattr(fields, "items"):
            fields = list(fields.items())
        elif not isinstance(fields, (list, tuple)):
            fields = (fields,)
        self.add_fields(*fields)

    @property
    def is_multipart(self) -> bool:
        return self._is_multipart

    def add_field(self, name: str, value: Any, *, content_type: str | None = None, filename: str | None = None) -> None:
        """Adds a field; a file, bytes, or a name of a file make it a form of parts."""
        if isinstance(value, io.IOBase) or hasattr(value, "read"):
            self._is_multipart = True
            if filename is None:
                named = getattr(value, "name", None)
                filename = os.path.basename(named) if isinstance(named, str) and named[0] != "<" else name
            value = value.read()
        elif isinstance(value, (bytes, bytearray, memoryview)):
            self._is_multipart = True
        if filename is not None or content_type is not None:
            self._is_multipart = True
        what = {"name": name}
        if filename is not None:
            what["filename"] = filename
            content_type = content_type or mimetypes.guess_type(filename)[0] or "application/octet-stream"
        data = value.encode(self._charset) if isinstance(value, str) else bytes(value) if not isinstance(value, (int, float)) else str(value).encode()
        self._fields.append((what, content_type, data))

    def add_fields(self, *fields: Any) -> None:
        for field in fields:
            if isinstance(field, io.IOBase):
                self.add_field(getattr(field, "name", "unknown"), field)
            elif hasattr(field, "items"):
                self.add_fields(*field.items())
            elif isinstance(field, (list, tuple)) and len(field) == 2:
                self.add_field(field[0], field[1])
            else:
                raise TypeError(f"Only io.IOBase, multidict and (name, file) pairs allowed, got {field!r}")

    def _encode(self) -> tuple[bytes, str]:
        """The body, and its type."""
        if not self._is_multipart:
            pairs: Iterable[tuple[str, bytes]] = [(what["name"], data) for what, _, data in self._fields]
            charset = "" if self._charset == "utf-8" else f"; charset={self._charset}"
            return urlencode(list(pairs)).encode(), f"application/x-www-form-urlencoded{charset}"
        boundary = secrets.token_hex(16)
        body = bytearray()
        for what, kind, data in self._fields:
            body += f"--{boundary}\r\n".encode()
            if kind is not None:
                body += f"Content-Type: {kind}\r\n".encode()
            body += f"Content-Disposition: {disposition('form-data', what)}\r\n\r\n".encode()
            body += data + b"\r\n"
        body += f"--{boundary}--\r\n".encode()
        return bytes(body), f"multipart/form-data; boundary={boundary}"

    def __call__(self) -> FormData:
        return self
