"""Client for the calls of one user: events and actions."""

import asyncio
import secrets
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self, cast

import httpx

from .event import Event
from .models import (
    AppEventMessage,
    Availability,
    AvailabilityStatus,
    Call,
    CallAccepted,
    CallDetails,
    CallEnded,
    CallError,
    CallId,
    CallInvitation,
    CallMissed,
    CallQualityWarning,
    CallRejected,
    CallSignal,
    CallStatus,
    CallTimeout,
    EndedCall,
    InitiateCall,
    QualityReport,
    RejectReason,
    ServerMessage,
    SetAvailability,
    StartedCall,
    TargetStatus,
)
from .rest import ApiError, Rest
from .socket import Disconnected, Socket, Timing
from .token import Tokens, TokenSource

__all__ = ["Calls", "Connected", "Disconnected", "Over", "Timing"]

# Events that the server sends again on the next connection until this client has confirmed them.
REDELIVERED = ("call_accepted", "call_rejected", "call_ended", "call_timeout", "call_missed")

# Final statuses.
FINAL: tuple[CallStatus, ...] = ("ENDED", "REJECTED", "MISSED")

# Number of calls and events to remember, so that each is reported once. The server redelivers 256 events at most.
REMEMBERED = 256

# Attempts to start a call, and the longest wait between them in seconds.
ATTEMPTS, LONGEST_WAIT = 3, 5.0


@dataclass(frozen=True)
class Over:
    """The call is over for any reason, also if it ended while this client was disconnected."""

    call_id: CallId
    status: CallStatus


@dataclass(frozen=True)
class Connected:
    """Connected; `active` is the user's live call, or None."""

    active: CallDetails | None


class Memory:
    """The latest keys, each once."""

    def __init__(self) -> None:
        self._keys: dict[Hashable, None] = {}

    def add(self, key: Hashable) -> bool:
        """Adds `key` and drops the oldest; returns False if it was there."""
        if key in self._keys:
            return False
        self._keys[key] = None
        if len(self._keys) > REMEMBERED:
            del self._keys[next(iter(self._keys))]
        return True


class Calls:
    """Client for the calls of one user: events and actions.

    `async with` connects it and closes it at the end.
    """

    def __init__(self, url: str, token: str | TokenSource, *, timing: Timing = Timing()) -> None:
        """Creates a client of the server at `url`, for example `https://calls.example.com`.

        The session outlives its first token only if `token` is a function.
        """
        # Incoming call: once per call, even if the connection is lost and returns while it rings.
        self.on_invitation: Event[CallInvitation] = Event()
        # The call was accepted: by the other participant, or on another device of this user.
        self.on_accepted: Event[CallAccepted] = Event()
        # The call was rejected: by the other participant, or on another device of this user.
        self.on_rejected: Event[CallRejected] = Event()
        # The call was ended.
        self.on_ended: Event[CallEnded] = Event()
        # The call was not answered in time.
        self.on_timeout: Event[CallTimeout] = Event()
        # Somebody called during another call.
        self.on_missed: Event[CallMissed] = Event()
        # The call is over for any reason: once.
        self.on_over: Event[Over] = Event()
        # The other participant's network is bad.
        self.on_quality_warning: Event[CallQualityWarning] = Event()
        # Signal from the other participant, to set up media.
        self.on_signal: Event[CallSignal] = Event()
        # Your backend sent an event. One that it keeps may come twice, on different connections.
        self.on_app_event: Event[AppEventMessage] = Event()
        # The server rejected a message of this client.
        self.on_error: Event[CallError] = Event()
        self.on_connected: Event[Connected] = Event()
        self.on_disconnected: Event[Disconnected]

        base = url.rstrip("/")
        tokens = Tokens(token)
        self._timing = timing
        # REST API, with a method for each OpenAPI operation.
        self.rest = Rest(base, tokens, timing.answer)
        self._socket = Socket(base.replace("http", "ws", 1), tokens, timing)
        self._socket.on_open(self._resynchronise)
        self._socket.on_message(self._hear)
        self.on_disconnected = self._socket.on_closed
        # Calls that this client believes to be live.
        self._live: set[CallId] = set()
        self._invited, self._over, self._received = Memory(), Memory(), Memory()

    async def __aenter__(self) -> Self:
        """Connects, and waits until the client is connected.

        A rejected token raises an `ApiError`, a server that cannot be reached an `httpx.TransportError`.
        """
        try:
            await self.rest.get_active_call()
            connected = self.on_connected.next()
            self.connect()
            await connected
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def is_connected(self) -> bool:
        """Whether the client is connected."""
        return self._socket.is_open

    def connect(self) -> None:
        """Connects, and reconnects whenever the connection is lost."""
        self._socket.connect()

    async def disconnect(self) -> None:
        """Disconnects."""
        await self._socket.disconnect()

    async def close(self) -> None:
        """Disconnects, and closes the connections of the REST API."""
        await self.disconnect()
        await self.rest.close()

    def wake(self) -> None:
        """Checks the connection at once, after sleep or a change of the network."""
        self._socket.wake()

    async def initiate(self, call: InitiateCall) -> Call:
        """Starts a call. Retries if the response is lost, without ringing twice."""
        key = secrets.token_hex(16)
        for attempt in range(1, ATTEMPTS + 1):
            wait = 1.0
            try:
                begun = await self.rest.initiate_call(call, idempotency_key=key)
            except httpx.TransportError:
                if attempt == ATTEMPTS:
                    raise
            except ApiError as error:
                if error.status != 503 or attempt == ATTEMPTS:
                    raise
                wait = error.retry_after or wait
            else:
                self._live.add(begun["id"])
                return begun
            await asyncio.sleep(min(wait, LONGEST_WAIT))
        raise AssertionError("the last attempt returns or raises")

    async def accept(self, call_id: CallId) -> StartedCall:
        """Accepts a call."""
        return await self.rest.accept_call(call_id)

    async def reject(self, call_id: CallId, reason: RejectReason = "declined") -> Call:
        """Rejects a call."""
        call = await self.rest.reject_call(call_id, {"reason": reason})
        self._is_over(call_id, call["status"])
        return call

    async def end(self, call_id: CallId, duration_seconds: int | None = None) -> EndedCall:
        """Ends a call, answered or not."""
        call = await self.rest.end_call(call_id, {"durationSeconds": duration_seconds})
        self._is_over(call_id, call["status"])
        return call

    async def set_status(self, call_id: CallId, status: TargetStatus) -> StartedCall | EndedCall:
        """Sets the status: ACTIVE reports that media flows."""
        return await self.rest.set_call_status(call_id, {"status": status})

    async def availability(self) -> Availability:
        """Returns whether calls ring for this user."""
        return await self.rest.get_availability()

    async def set_availability(self, status: AvailabilityStatus, until: datetime | None = None) -> Availability:
        """Turns do not disturb on or off, for all sessions of this user; `until`, with a time zone, ends it."""
        body: SetAvailability = {"status": status}
        if until is not None:
            body["until"] = until.isoformat(timespec="milliseconds")
        return await self.rest.set_availability(body)

    async def active(self) -> CallDetails | None:
        """Returns the live call, or None."""
        return await self.rest.get_active_call()

    async def report_quality(self, call_id: CallId, report: QualityReport) -> bool:
        """Reports the network quality; returns False without a connection."""
        return await self._socket.send("call.quality", {"callId": call_id, **report})

    async def signal(self, call_id: CallId, signal: object) -> bool:
        """Sends a signal to the other participant, to set up media; returns False without a connection."""
        return await self._socket.send("call.signal", {"callId": call_id, "signal": signal})

    async def send(self, kind: str, payload: object) -> bool:
        """Sends a message of a type that begins with `app.` to your backend, if the server has the setting `app_messages`.

        Returns False without a connection.
        """
        return await self._socket.send(kind, payload)

    def _hear(self, message: ServerMessage) -> None:
        if self._is_double(message):
            return
        match message["type"]:
            case "call_invitation":
                self._live.add(message["data"]["callId"])
                # On reconnect the server repeats the invitation to a call that still rings.
                if self._invited.add(message["data"]["callId"]):
                    self.on_invitation.emit(message["data"])
            case "call_accepted":
                self._live.add(message["data"]["callId"])
                self.on_accepted.emit(message["data"])
            case "call_rejected":
                self.on_rejected.emit(message["data"])
                self._is_over(message["data"]["callId"], "REJECTED")
            case "call_ended":
                self.on_ended.emit(message["data"])
                self._is_over(message["data"]["callId"], "ENDED")
            case "call_timeout":
                self.on_timeout.emit(message["data"])
                self._is_over(message["data"]["callId"], "MISSED")
            case "call_missed":
                self.on_missed.emit(message["data"])
            case "call_quality_warning":
                self.on_quality_warning.emit(message["data"])
            case "call_signal":
                self.on_signal.emit(message["data"])
            case "call_error":
                self.on_error.emit(message["payload"])
            case other if other.startswith("app."):
                self.on_app_event.emit(cast(AppEventMessage, message))

    def _is_double(self, message: ServerMessage) -> bool:
        """Whether the client has received this event before, on another connection."""
        if message["type"] not in REDELIVERED:
            return False
        event = cast(dict[str, Any], message)
        return not self._received.add((event["type"], event["data"]["callId"], event["timestamp"]))

    def _is_over(self, call_id: CallId, status: CallStatus) -> None:
        self._live.discard(call_id)
        if self._over.add(call_id):
            self.on_over.emit(Over(call_id, status))

    async def _resynchronise(self, _: None) -> None:
        """Synchronises after a reconnect.

        The server delivers stored events by itself. Expired ones show in the calls that this client believes to be
        live and that are not.
        """
        while self.is_connected:
            try:
                active = await self.active()
                for call_id in self._live - ({active["id"]} if active else set()):
                    status = (await self.rest.get_call(call_id))["status"]
                    if status in FINAL:
                        self._is_over(call_id, status)
            except (httpx.TransportError, ApiError):
                # If the connection is lost too, the next one synchronises again.
                await asyncio.sleep(self._timing.answer / 10)
                continue
            if active:
                self._live.add(active["id"])
            if self.is_connected:
                self.on_connected.emit(Connected(active))
            return
