"""Access logs, which are the server's."""

from .abc import AbstractAccessLogger

__all__ = ["AccessLogger"]


class AccessLogger(AbstractAccessLogger):
    """Accepted, and not asked."""

    LOG_FORMAT = '%a %t "%r" %s %b "%{Referer}i" "%{User-Agent}i"'

    def log(self, request: object, response: object, time: float) -> None:
        """Not called."""
