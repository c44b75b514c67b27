"""What the operator has configured for this handler: `config` in patchboard.toml."""

from __future__ import annotations

from ._runtime import host

try:
    from wit_world.imports import store
except ImportError:
    store = None  # type: ignore[assignment]

__all__ = ["get", "get_all"]


def get(key: str, default: str | None = None) -> str | None:
    """The value of a key. It is there while a request is answered, not while the file is run."""
    _inside()
    try:
        value = store.get(key)
    except host.Err as error:
        raise OSError(f"config {key}: {error.value.value}") from None
    return default if value is None else value


def get_all() -> dict[str, str]:
    """All of them."""
    _inside()
    return dict(store.get_all())


def _inside() -> None:
    if store is None:
        raise RuntimeError("the configuration is there in a handler only, while it answers a request")
