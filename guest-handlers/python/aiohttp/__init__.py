"""The names of aiohttp, for handlers of Patchboard.

What is the server's own here (connections, access logs, static files) is accepted and left to
it. `aiohttp.web` is what a server is written with, `ClientSession` what asks other ones.
"""

from __future__ import annotations

from . import hdrs
from .client_exceptions import *  # noqa: F403
from .client_exceptions import __all__ as _errors
from .client import (
    BaseConnector, ClientRequest, ClientResponse, ClientSession, ClientTimeout, CookieJar, DummyCookieJar,
    RequestInfo, TCPConnector, request,
)
from .formdata import FormData
from .helpers import BasicAuth, ETag
from .multipart import (
    BodyPartReader, MultipartReader, content_disposition_filename, parse_content_disposition,
)
from .streams import EMPTY_PAYLOAD, EofStream, StreamReader
from .web_request import HttpVersion

__version__ = "3.14.0"

HttpVersion10 = HttpVersion(1, 0)
HttpVersion11 = HttpVersion(1, 1)

__all__ = [
    "BaseConnector", "BasicAuth", "BodyPartReader", "ClientRequest", "ClientResponse", "ClientSession",
    "ClientTimeout", "CookieJar", "DummyCookieJar", "EMPTY_PAYLOAD", "ETag", "EofStream", "FormData",
    "HttpVersion", "HttpVersion10", "HttpVersion11", "MultipartReader", "RequestInfo", "StreamReader",
    "TCPConnector", "content_disposition_filename", "hdrs", "parse_content_disposition", "request", *_errors,
]
