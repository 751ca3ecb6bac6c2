"""Tokens: where they come from, and when they expire."""

import base64
import inspect
import json
import time
from collections.abc import Awaitable, Callable

# Returns a token: the current one, or with True a new one for the same session (claim `sid`).
TokenSource = Callable[[bool], Awaitable[str] | str]


class Tokens:
    """Cache of the current token."""

    def __init__(self, source: str | TokenSource) -> None:
        self._source = source
        self._token: str | None = None

    async def get(self, fresh: bool = False) -> str:
        """Returns the current token, or with `fresh` a new one."""
        if isinstance(self._source, str):
            return self._source
        if fresh or self._token is None or _is_over(self._token):
            asked = self._source(fresh or self._token is not None)
            self._token = await asked if inspect.isawaitable(asked) else asked
        return self._token


def end_of(token: str) -> float | None:
    """Returns the expiry in seconds of the Unix epoch, or None if the token cannot be read."""
    try:
        payload = token.split(".")[1]
        end = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"]
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    return float(end) if isinstance(end, (int, float)) else None


def _is_over(token: str) -> bool:
    end = end_of(token)
    return end is not None and end <= time.time()
