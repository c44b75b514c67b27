"""What the host is asked, by one name each; nothing else names the generated bindings.

Outside a component, where an application is only read for its routes, the bindings are not
there, and each of these says so.
"""

from __future__ import annotations

from typing import Any

try:
    import wit_world
    from componentize_py_types import Err, Ok
    from wit_world.imports import call, call_futures, logging, routing
    from wit_world.imports import patchboard_handler_types as types
    from wit_world.imports import wasi_clocks_monotonic_clock_0_3_0 as clock

    IN_COMPONENT = True
except ImportError:
    IN_COMPONENT = False

    class Err(Exception):  # type: ignore[no-redef]
        """An error of the host's."""

        value: Any = None


if IN_COMPONENT:
    byte_stream = wit_world.byte_stream
    sleep = clock.wait_for
    end_future = wit_world.result_option_patchboard_handler_types_fields_patchboard_handler_types_body_error_future
    log = logging.log
    LEVELS = logging.Level

    def over() -> Any:
        """Waits until nobody waits for the call."""
        return call.over()

    def reason(value: Any) -> str:
        """Its name: `done`, `client-left`, `timed-out` or `shutting-down`."""
        return value.name.lower().replace("_", "-")

    def start_task(name: str) -> Any:
        """Something that the call goes on to do after its response."""
        return call_futures.Task.start(name)

    def url_for(name: str, parameters: list[tuple[str, str]], query: list[tuple[str, str]]) -> str:
        """The URL of a route of this server's."""
        return routing.url_for(name, parameters, query)

    def static_url(mount: str, path: str) -> str:
        """The URL of a static file of this server's."""
        return routing.static_url(mount, path)

else:

    def _absent(*_: Any, **__: Any) -> Any:
        raise RuntimeError("this is there in a handler only, while it answers a request")

    url_for = static_url = start_task = sleep = over = log = byte_stream = _absent
