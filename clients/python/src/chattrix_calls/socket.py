"""Connection that reconnects."""

import asyncio
import json
import random
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from .event import Event
from .models import ServerMessage
from .token import Tokens, end_of

# Close codes without a reconnect: another connection replaced this one, or the user is disabled.
FINAL = (4000, 1008)
# Close code of this client for a connection that it found dead, and of a connection that was never open.
DEAD, NEVER_OPEN = 4900, 1006
# Codes without a reconnect for one of their reasons.
ENDS = ((NEVER_OPEN, "unauthenticated"), (4003, "signed out"))


@dataclass(frozen=True)
class Timing:
    """Timeouts and intervals in seconds."""

    # First delay before reconnecting; it doubles with each failure.
    backoff: float = 0.5
    # Longest delay before reconnecting.
    max_backoff: float = 30
    # Silence after which the client sends a heartbeat: a third of the server's `idle_timeout`.
    silence: float = 25
    # Timeout of a heartbeat, of opening a connection and of a request.
    answer: float = 10
    # Time before expiry at which a token is renewed; at most half of its remaining lifetime.
    renew: float = 60
    # Timeout of the heartbeat that `wake` sends.
    wake: float = 2


@dataclass(frozen=True)
class Disconnected:
    """Disconnected. `retry_in` is the time in seconds until the next attempt, or None if there is none."""

    code: int
    reason: str
    retry_in: float | None


class Socket:
    """Connection that reconnects."""

    def __init__(self, url: str, tokens: Tokens, timing: Timing) -> None:
        self.on_open: Event[None] = Event()
        self.on_message: Event[ServerMessage] = Event()
        self.on_closed: Event[Disconnected] = Event()
        self._url = f"{url}/ws/chat"
        self._tokens = tokens
        self._timing = timing
        self._task: asyncio.Task[None] | None = None
        self._open: ClientConnection | None = None
        self._failures = 0
        self._heard_at = 0.0
        self._heard = asyncio.Event()
        # Set by `wake`: an open connection is checked, a waiting client reconnects.
        self._woken = asyncio.Event()
        # Expiry of the connection's token, and whether it has changed.
        self._end: float | None = None
        self._end_changed = asyncio.Event()

    @property
    def is_open(self) -> bool:
        return self._open is not None

    def connect(self) -> None:
        """Connects, and reconnects whenever the connection is lost."""
        if self._task is None or self._task.done():
            self._failures = 0
            self._task = asyncio.create_task(self._run())

    async def disconnect(self) -> None:
        """Disconnects, and does not reconnect."""
        task, self._task = self._task, None
        if task is None or task.done():
            return
        task.cancel()
        await asyncio.wait([task])
        self.on_closed.emit(Disconnected(1000, "disconnected", None))

    def wake(self) -> None:
        """Reconnects at once, or checks an open connection: for a device that wakes up."""
        self._failures = 0
        self._woken.set()

    async def send(self, kind: str, payload: object) -> bool:
        """Sends a message; returns False without a connection."""
        if self._open is None:
            return False
        try:
            await self._open.send(json.dumps({"type": kind, "payload": payload}))
        except ConnectionClosed:
            return False
        return True

    async def _run(self) -> None:
        """Keeps a connection until one ends for good."""
        fresh = False
        while True:
            try:
                token = await self._tokens.get(fresh)
            except Exception as error:
                await self._pause(0, f"no token: {error}")
                continue
            code, reason = await self._converse(token)
            if reason == "unauthenticated" and code == NEVER_OPEN and not fresh:
                # The server rejects the token that was at hand, and may accept the next one.
                fresh = True
                continue
            if code in FINAL or (code, reason) in ENDS:
                self.on_closed.emit(Disconnected(code, reason, None))
                return
            fresh = code in (4001, 4003)
            await self._pause(code, reason)

    async def _converse(self, token: str) -> tuple[int, str]:
        """Connects and reads until the connection ends; returns the code and the reason."""
        self._woken.clear()
        opening = connect(
            self._url,
            # Not in the address, which proxies log.
            additional_headers={"Authorization": f"Bearer {token}"},
            # The heartbeat of the protocol shows that the server itself answers.
            ping_interval=None,
            open_timeout=self._timing.answer,
            close_timeout=1,
            max_size=None,
        )
        try:
            connection = await opening
        except InvalidStatus as error:
            status = error.response.status_code
            return NEVER_OPEN, "unauthenticated" if status == 401 else f"HTTP status {status}"
        except (OSError, TimeoutError, InvalidHandshake) as error:
            return NEVER_OPEN, str(error) or type(error).__name__
        try:
            return await self._hold(connection, token)
        finally:
            self._open = None
            if connection.close_code is None:
                await connection.close()

    async def _hold(self, connection: ClientConnection, token: str) -> tuple[int, str]:
        """Serves an open connection until it is closed or found dead."""
        self._open = connection
        self._failures = 0
        self._heard_at = time.monotonic()
        self._set_end(end_of(token))
        self.on_open.emit(None)
        reader = asyncio.create_task(self._read(connection))
        watcher = asyncio.create_task(self._watch())
        renewer = asyncio.create_task(self._renew())
        try:
            await asyncio.wait([reader, watcher], return_when=asyncio.FIRST_COMPLETED)
            if reader.done():
                return reader.result()
            # Without a close handshake, for which nobody would answer.
            connection.transport.abort()
            return DEAD, "silence"
        finally:
            await _cancel(reader, watcher, renewer)

    async def _read(self, connection: ClientConnection) -> tuple[int, str]:
        while True:
            try:
                text = await connection.recv()
            except ConnectionClosed as closed:
                received = closed.rcvd
                return (received.code, received.reason) if received else (NEVER_OPEN, "connection lost")
            self._heard_at = time.monotonic()
            self._heard.set()
            message = cast(ServerMessage, json.loads(text))
            if message["type"] == "session.refreshed":
                self._set_end(_seconds(message["payload"]["expiresAt"]))
            self.on_message.emit(message)

    async def _watch(self) -> None:
        """Returns if the server does not answer a heartbeat."""
        while True:
            left = self._heard_at + self._timing.silence - time.monotonic()
            woken = await _happens(self._woken, left)
            if not woken and self._heard_at + self._timing.silence > time.monotonic():
                continue
            self._woken.clear()
            self._heard.clear()
            await self.send("heartbeat", {})
            if not await _happens(self._heard, self._timing.wake if woken else self._timing.answer):
                return

    async def _renew(self) -> None:
        """Renews the token on the connection before it expires."""
        while True:
            self._end_changed.clear()
            if self._end is None:
                return
            left = self._end - time.time()
            if await _happens(self._end_changed, max(left - self._timing.renew, left / 2, 0)):
                continue
            try:
                token = await self._tokens.get(fresh=True)
            except Exception:
                # The connection ends with its token; the next one requests a new token.
                return
            end = end_of(token)
            # Without a later token, another attempt would not help.
            if end is not None and end <= self._end:
                return
            await self.send("session.refresh", {"token": token})
            # The server confirms the new expiry. If it rejects the token, the connection ends with the old one.
            await self._end_changed.wait()

    def _set_end(self, end: float | None) -> None:
        self._end = end
        self._end_changed.set()

    async def _pause(self, code: int, reason: str) -> None:
        """Exponential backoff with jitter: clients of a restarted server do not reconnect all at once."""
        longest = min(self._timing.max_backoff, self._timing.backoff * 2**self._failures)
        wait = longest * (0.2 + 0.8 * random.random())
        # Beyond this, 2**n would grow without any effect.
        self._failures = min(self._failures + 1, 30)
        self._woken.clear()
        self.on_closed.emit(Disconnected(code, reason, wait))
        await _happens(self._woken, wait)


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    """Waits for `event` for so long; returns whether it happened."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _seconds(instant: str) -> float:
    """Returns the seconds of the Unix epoch of an RFC 3339 instant."""
    return datetime.fromisoformat(instant).timestamp()
