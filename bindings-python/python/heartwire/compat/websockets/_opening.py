"""The shared part of `connect` for asyncio and for threads: arguments, redirects, and which failures a loop over it retries, and when."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urljoin

from ._arguments import USER_AGENT, Arguments
from ._data import Headers, HeadersLike, parse_uri
from ._outcome import ClientProtocol
from .exceptions import InvalidMessage, InvalidStatus, SecurityError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_REDIRECTS = 10
_REDIRECTS = (300, 301, 302, 303, 307, 308)
_SECRET = ("authorization", "cookie", "proxy-authorization")


def process_exception(exc: Exception) -> Exception | None:
    """Return None if another attempt may help, or the exception to raise.

    It may help after network errors, timeouts, an answer that was cut off, and the statuses 500, 502, 503 and 504.
    """
    if isinstance(exc, (OSError, TimeoutError)):
        return None
    if isinstance(exc, InvalidMessage) and isinstance(exc.__cause__, EOFError):
        return None
    if isinstance(exc, InvalidStatus) and exc.response.status_code in (500, 502, 503, 504):
        return None
    return exc


def backoff(initial_delay: float = 5.0, min_delay: float = 3.1, max_delay: float = 90.0, factor: float = 1.618) -> Iterator[float]:
    """Return the delays between attempts, in seconds: a random first one, then growing ones."""
    yield random.random() * initial_delay
    delay = min_delay
    while True:
        yield min(delay, max_delay)
        delay = min(delay * factor, max_delay)


class Opening:
    """The arguments of `connect`. `uri`, `ws_uri` and `additional_headers` change with redirects."""

    additional_headers: HeadersLike | None
    _connection_type: ClassVar[Callable[..., Any]]
    #: Whether an argument that is None counts as not given: so do threads, and asyncio refuses `ssl=None`.
    _ignores_none: ClassVar[bool] = False

    def __init__(
        self,
        uri: str,
        *,
        origin: str | None = None,
        extensions: Sequence[Any] | None = None,
        subprotocols: Sequence[str] | None = None,
        compression: str | None = "deflate",
        additional_headers: HeadersLike | None = None,
        user_agent_header: str | None = USER_AGENT,
        proxy: str | bool | None = True,
        process_exception: Callable[[Exception], Exception | None] = process_exception,
        open_timeout: float | None = 10,
        ping_interval: float | None = 20,
        ping_timeout: float | None = 20,
        close_timeout: float | None = 10,
        reconnect_delays: Callable[[], Iterator[float]] = backoff,
        max_size: int | tuple[int | None, int | None] | None = 2**20,
        max_queue: int | tuple[int | None, int | None] | None = 16,
        write_limit: int | tuple[int, int | None] = 2**15,
        logger: Any = None,
        create_connection: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.uri = uri
        self.ws_uri = parse_uri(uri)
        self._arguments = Arguments(
            self.ws_uri,
            origin=origin,
            extensions=extensions,
            subprotocols=subprotocols,
            compression=compression,
            proxy=proxy,
            max_size=max_size,
            more={name: value for name, value in kwargs.items() if value is not None or not self._ignores_none},
        )
        self.additional_headers = self._arguments.legacy_headers if additional_headers is None else additional_headers
        self.user_agent_header = user_agent_header
        self.process_exception = process_exception
        self.open_timeout = open_timeout
        self.reconnect_delays = reconnect_delays
        self.logger = logging.getLogger("websockets.client") if logger is None else logger
        self._factory = create_connection or self._connection_type
        self._manners = {
            "ping_interval": ping_interval,
            "ping_timeout": ping_timeout,
            "close_timeout": close_timeout,
            "max_queue": max_queue,
            "write_limit": write_limit,
        }

    def _attempts(self) -> Iterator[tuple[Any, float | None]]:
        """Return a connection for each attempt that redirects may ask for, and the seconds that are left to open it."""
        deadline = None if self.open_timeout is None else time.monotonic() + self.open_timeout
        for _ in range(MAX_REDIRECTS):
            self.ws_uri = parse_uri(self.uri)
            protocol = ClientProtocol(self.uri, self.ws_uri, self._arguments, self.logger)
            yield self._factory(protocol, **self._manners), None if deadline is None else max(0.001, deadline - time.monotonic())
        raise SecurityError(f"more than {MAX_REDIRECTS} redirects")

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return the URI to go on with, or the exception to raise."""
        if not isinstance(exc, InvalidStatus) or exc.response.status_code not in _REDIRECTS:
            return exc
        if "Location" not in exc.response.headers:
            return exc
        new_uri = urljoin(self.uri, exc.response.headers["Location"])
        old, new = parse_uri(self.uri), parse_uri(new_uri)
        if old.secure and not new.secure:
            return SecurityError(f"cannot follow redirect to non-secure URI {new_uri}")
        if (old.secure, old.host, old.port) != (new.secure, new.host, new.port):
            if self._arguments.unix:
                return ValueError(f"cannot follow cross-origin redirect to {new_uri} with a Unix socket")
            if self._arguments.has_host:
                return ValueError(f"cannot follow cross-origin redirect to {new_uri} with an explicit host or port")
            if self.additional_headers is not None:
                pairs = Headers(self.additional_headers).raw_items()
                self.additional_headers = Headers([(name, value) for name, value in pairs if name.lower() not in _SECRET])
        return new_uri

    def _redirected(self, exc: Exception) -> None:
        """Follow the redirect of a refused attempt, or raise."""
        following = self.process_redirect(exc)
        if not isinstance(following, Exception):
            self.uri = following
        elif following is exc:
            raise exc
        else:
            raise following from exc


class Retry:
    """The attempts of a loop: the exceptions that end it, and the delays."""

    def __init__(self, process: Any, delays: Any) -> None:
        self._process = process
        self._make = delays
        self._delays: Any = None

    def succeeded(self) -> None:
        """Begin with the first delay again."""
        self._delays = None

    def failed(self, exc: Exception) -> float:
        """Return the delay until the next attempt, or raise the exception that ends the loop."""
        try:
            fatal = self._process(exc)
        except Exception as raised:
            fatal = raised
        if fatal is exc:
            raise exc
        if fatal is not None:
            raise fatal from exc
        if self._delays is None:
            self._delays = self._make()
        return float(next(self._delays))
