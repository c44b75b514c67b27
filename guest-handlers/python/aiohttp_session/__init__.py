"""Sessions in a cookie that is signed, by the names of aiohttp-session.

What is in a session the client can read, but not change. `SignedCookieStorage` is ours; the
original's encrypted one needs a library that no component has.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, MutableMapping
from typing import Any

from aiohttp import web

__all__ = ["Session", "SignedCookieStorage", "get_session", "new_session", "session_middleware", "setup"]

_SESSION = "aiohttp_session"
_STORAGE = "aiohttp_session_storage"
# The most that browsers keep in a cookie.
_MOST = 4000


class Session(MutableMapping[str, Any]):
    """What is kept for a client; its values are what JSON has."""

    def __init__(self, data: dict[str, Any] | None, *, created: int, new: bool, max_age: int | None) -> None:
        self._mapping = dict(data or {})
        self._changed = False
        self._is_new = new
        self.created, self.max_age = created, max_age

    @property
    def new(self) -> bool:
        return self._is_new

    @property
    def empty(self) -> bool:
        return not self._mapping

    def changed(self) -> None:
        """Says that something within a value has changed."""
        self._changed = True

    def invalidate(self) -> None:
        """Drops all of it."""
        self._changed, self._mapping = True, {}

    def __getitem__(self, key: str) -> Any:
        return self._mapping[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._mapping[key] = value
        self._changed = True

    def __delitem__(self, key: str) -> None:
        del self._mapping[key]
        self._changed = True

    def __len__(self) -> int:
        return len(self._mapping)

    def __iter__(self) -> Iterator[str]:
        return iter(self._mapping)


class SignedCookieStorage:
    """A cookie with HMAC-SHA-256 of a secret, which at least 32 bytes are for."""

    def __init__(
        self, secret_key: bytes | str, *, cookie_name: str = "session", max_age: int | None = None, path: str = "/",
        domain: str | None = None, secure: bool | None = None, httponly: bool = True, samesite: str | None = "Lax",
    ) -> None:
        key = secret_key.encode() if isinstance(secret_key, str) else bytes(secret_key)
        if len(key) < 32:
            raise ValueError(f"the secret of a session has at least 32 bytes; this has {len(key)}")
        self._key, self.cookie_name, self.max_age = key, cookie_name, max_age
        self._options = {"path": path, "domain": domain, "secure": secure, "httponly": httponly, "samesite": samesite}

    def _sign(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, self.cookie_name.encode() + b"\0" + payload, hashlib.sha256)

    def load(self, request: web.Request) -> Session:
        """The session of a request: a new one where its cookie is none of ours, or too old."""
        now = int(time.time())
        try:
            payload, _, signature = request.cookies.get(self.cookie_name, "").partition(".")
            signed = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
            given = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
            if hmac.compare_digest(self._sign(signed), given):
                kept = json.loads(signed)
                if self.max_age is None or now - kept["created"] <= self.max_age:
                    return Session(kept["session"], created=kept["created"], new=False, max_age=self.max_age)
        except (ValueError, KeyError, TypeError, binascii.Error):
            pass
        return Session(None, created=now, new=True, max_age=self.max_age)

    def save(self, response: web.StreamResponse, session: Session) -> None:
        """Puts the session into a response's cookie."""
        if session.empty:
            response.del_cookie(self.cookie_name, path=self._options["path"], domain=self._options["domain"])
            return
        payload = json.dumps({"created": session.created, "session": session._mapping}, separators=(",", ":")).encode()
        value = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (payload, self._sign(payload))).decode()
        if len(value) > _MOST:
            raise ValueError(f"a session in a cookie has {_MOST} bytes at most; this has {len(value)}")
        response.set_cookie(self.cookie_name, value, max_age=session.max_age, **self._options)


async def get_session(request: web.Request) -> Session:
    """The session of a request."""
    session = request.get(_SESSION)
    if session is None:
        storage = request.get(_STORAGE)
        if storage is None:
            raise RuntimeError("aiohttp_session.setup(app, storage) has not been called")
        session = request[_SESSION] = storage.load(request)
    return session


async def new_session(request: web.Request) -> Session:
    """A new one in its place, as after a login."""
    storage = request[_STORAGE]
    session = request[_SESSION] = Session(None, created=int(time.time()), new=True, max_age=storage.max_age)
    session.changed()
    return session


def session_middleware(storage: SignedCookieStorage) -> Any:
    """What loads sessions, and saves those that have changed."""

    @web.middleware
    async def middleware(request: web.Request, handler: Any) -> web.StreamResponse:
        request[_STORAGE] = storage
        error = None
        try:
            response = await handler(request)
        except web.HTTPException as raised:
            response = error = raised
        session = request.get(_SESSION)
        if session is not None and session._changed:
            if response.prepared:
                raise RuntimeError("a session cannot be saved any more: the response has been begun")
            storage.save(response, session)
        if error is not None:
            raise error
        return response

    return middleware


def setup(app: web.Application, storage: SignedCookieStorage) -> None:
    """Gives an application its sessions."""
    app.middlewares.append(session_middleware(storage))
