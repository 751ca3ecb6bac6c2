"""REST API client."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx

from .models import ErrorType
from .operations import Operations
from .token import Tokens


class ApiError(Exception):
    """Error response of the server."""

    def __init__(self, status: int, error_type: "ErrorType | str", message: str, retry_after: float | None) -> None:
        super().__init__(message)
        # The HTTP status.
        self.status = status
        # Error type, for programs; "unknown" if the response is not the server's.
        self.error_type = error_type
        self.message = message
        # Seconds to wait before a retry, if the server sent `Retry-After`.
        self.retry_after = retry_after


def _segment(name: str, value: str) -> str:
    """Returns `value` as a segment of a path. URL parsers remove `.` and `..`: the request would be another one."""
    if value in ("", ".", ".."):
        raise ValueError(f"{name}: expected an id, got {value!r}")
    return quote(value, safe="")


class Rest(Operations):
    """REST API client. Without a response it raises `httpx.TransportError`."""

    def __init__(self, url: str, tokens: Tokens, timeout: float) -> None:
        self._tokens = tokens
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout)

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def _send(
        self,
        method: str,
        template: str,
        *,
        body: Any = None,
        path: Mapping[str, str | int] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Any:
        """Sends a request and returns the data of its response; renews a rejected token once."""
        filled = template
        for name, value in (path or {}).items():
            filled = filled.replace(f"{{{name}}}", _segment(name, str(value)))
        request = {
            "params": {name: value for name, value in (query or {}).items() if value is not None},
            **({} if body is None else {"json": body}),
        }
        extra = {name: value for name, value in (headers or {}).items() if value is not None}
        for is_retry in (False, True):
            token = await self._tokens.get(fresh=is_retry)
            sent = {**extra, "authorization": f"Bearer {token}"}
            response = await self._http.request(method, filled, headers=sent, **request)
            if response.status_code != 401:
                break
        return _data(response)


def _data(response: httpx.Response) -> Any:
    """Returns the data of a response, or raises its error."""
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if response.is_success and isinstance(answer, dict):
        return answer.get("data")
    known = answer if isinstance(answer, dict) else {}
    try:
        retry_after = float(response.headers["retry-after"])
    except (KeyError, ValueError):
        retry_after = None
    message = str(known.get("message", response.reason_phrase))
    raise ApiError(response.status_code, str(known.get("errorType", "unknown")), message, retry_after)
