"""Types that handlers name."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Union

from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy, istr
from yarl import URL

if TYPE_CHECKING:
    from .web_request import Request
    from .web_response import StreamResponse

DEFAULT_JSON_ENCODER = json.dumps
DEFAULT_JSON_DECODER = json.loads
Handler = Callable[["Request"], Awaitable["StreamResponse"]]
Middleware = Callable[["Request", Handler], Awaitable["StreamResponse"]]
JSONEncoder = Callable[[Any], str]
JSONDecoder = Callable[[str], Any]
LooseHeaders = Union[Mapping[str, str], CIMultiDict, CIMultiDictProxy]
StrOrURL = Union[str, URL]
MultiDictView = Union[MultiDict, MultiDictProxy]
IStr = istr
