"""The sequences of docs/mobile.md, against the real server. A webhook endpoint takes the place of the app's backend."""

import asyncio
import base64
import json
import unittest
import uuid
from typing import Any

from chattrix_calls import ApiError, Calls, Timing
from chattrix_calls.models import InitiateCall

from server import PATIENCE, Relay, Server, sign, until
from test_calls import HASTY, TIMING, Recorder

VIDEO: InitiateCall = {"calleeId": "bob", "callType": "VIDEO", "channelId": "a-channel"}


class Backend:
    """Webhook endpoint that pushes to the phone, and responds that the push was delivered."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.is_delivered = True
        self._server: asyncio.Server | None = None
        self.url = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    def close(self) -> None:
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.split("content-length: ")[1].split("\r\n")[0])
                self.messages.append(json.loads(await reader.readexactly(length)))
                body = json.dumps({"delivered": self.is_delivered})
                writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    async def receives(self, kind: str, call_id: str) -> dict[str, Any]:
        """Waits for a message about a call and returns its data."""

        def found() -> list[dict[str, Any]]:
            every = (one for one in self.messages if one["type"] == kind)
            return [one["data"] for one in every if one["data"]["call"]["id"] == call_id]

        await until(found, f"webhook {kind}")
        return found()[0]


class MobileTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        asyncio.get_running_loop().set_debug(False)
        self.backend = Backend()
        await self.backend.start()
        self.addCleanup(self.backend.close)
        self.server = Server(
            CHATTRIX_WEBHOOK_URL=self.backend.url,
            CHATTRIX_WEBHOOK_SECRET="whsec_" + base64.b64encode(b"a secret of these tests, 32 bytes").decode(),
            CHATTRIX_WEBHOOK_ALLOW_PRIVATE="true",
            CHATTRIX_CONFIRM_TIMEOUT="1s",
        )
        self.addAsyncCleanup(self.server.remove)
        await self.server.create()
        self.alice = await self.device("alice")

    def sleeping(self, user: str, session: str | None = None) -> Recorder:
        """Returns a device without a connection."""
        recorder = Recorder(self.server.url, sign(user, session), TIMING)
        self.addAsyncCleanup(recorder.calls.close)
        return recorder

    async def device(self, user: str) -> Recorder:
        recorder = self.sleeping(user)
        recorder.calls.connect()
        await recorder.is_connected()
        return recorder

    async def status(self, calls: Calls, call_id: str) -> str:
        return (await calls.rest.get_call(call_id))["status"]

    async def test_sleeping_phone_is_woken_and_accepts(self) -> None:
        phone = self.sleeping("bob")
        call = await self.alice.calls.initiate(VIDEO)
        self.assertEqual(call["status"], "INITIATING")
        push = await self.backend.receives("call.initiated", call["id"])
        self.assertEqual((push["calleeConnected"], push["calleeAvailability"]), (False, "available"))
        self.assertEqual(push["caller"]["name"], "Alice")
        self.assertIn("ringEndsAt", push)
        ringing = self.backend.receives("call.ringing", call["id"])
        self.assertEqual((await ringing)["call"]["status"], "RINGING")
        # Repeats what the backend's response has done.
        self.assertEqual((await phone.calls.rest.ring_call(call["id"]))["status"], "RINGING")
        phone.calls.connect()
        await phone.hears("invitation", call)
        await phone.calls.accept(call["id"])
        await self.alice.hears("accepted", call)

    async def test_ringing_needs_no_delivered_response(self) -> None:
        self.backend.is_delivered = False
        phone = self.sleeping("bob")
        call = await self.alice.calls.initiate(VIDEO)
        await self.backend.receives("call.initiated", call["id"])
        self.assertEqual(await self.status(phone.calls, call["id"]), "INITIATING")
        await phone.calls.rest.ring_call(call["id"])
        self.assertEqual(await self.status(phone.calls, call["id"]), "RINGING")

    async def test_cancelled_call_is_not_offered_to_a_woken_phone(self) -> None:
        phone = self.sleeping("bob")
        call = await self.alice.calls.initiate(VIDEO)
        await self.backend.receives("call.initiated", call["id"])
        await self.alice.calls.end(call["id"])
        self.assertEqual((await self.backend.receives("call.ended", call["id"]))["endedBy"], "alice")
        details = await phone.calls.rest.get_call(call["id"])
        self.assertEqual((details["status"], details["durationSeconds"]), ("ENDED", 0))
        phone.calls.connect()
        await phone.hears("ended", call)
        self.assertEqual(phone.of_call("invitation", call), [])
        with self.assertRaises(ApiError) as late:
            await phone.calls.accept(call["id"])
        self.assertEqual((late.exception.status, late.exception.error_type), (400, "invalid_status"))

    async def test_second_device_stops_ringing_and_is_too_late(self) -> None:
        phone, tablet = await self.device("bob"), await self.device("bob")
        call = await self.alice.calls.initiate(VIDEO)
        await phone.hears("invitation", call)
        await tablet.hears("invitation", call)
        push = await self.backend.receives("call.initiated", call["id"])
        self.assertEqual((push["calleeConnected"], len(push["calleeSessions"])), (True, 2))
        await phone.calls.accept(call["id"])
        self.assertEqual((await tablet.hears("accepted", call))["acceptedBy"], "bob")
        with self.assertRaises(ApiError) as late:
            await tablet.calls.accept(call["id"])
        self.assertEqual(late.exception.error_type, "invalid_status")
        self.assertEqual(phone.of_call("accepted", call), [])

    async def test_locked_phone_rejects_without_a_connection(self) -> None:
        phone = self.sleeping("bob")
        call = await self.alice.calls.initiate(VIDEO)
        await self.backend.receives("call.initiated", call["id"])
        self.assertEqual((await phone.calls.reject(call["id"], "declined"))["status"], "REJECTED")
        self.assertEqual((await self.alice.hears("rejected", call))["reason"], "declined")
        with self.assertRaises(ApiError) as again:
            await phone.calls.reject(call["id"], "declined")
        self.assertEqual(again.exception.error_type, "invalid_status")

    async def test_frozen_phone_is_reported_as_unreached(self) -> None:
        relay = Relay(self.server.port)
        await relay.start()
        self.addCleanup(relay.close)
        # It does not notice that it is frozen.
        calm = Timing(silence=600, answer=600)
        session = str(uuid.uuid4())
        frozen = Recorder(relay.url, sign("bob", session), calm)
        self.addAsyncCleanup(frozen.calls.close)
        frozen.calls.connect()
        await frozen.is_connected()
        relay.is_dead = True
        call = await self.alice.calls.initiate(VIDEO)
        self.assertEqual(call["status"], "RINGING")
        self.assertGreater((await self.backend.receives("call.unreached", call["id"]))["ringSecondsLeft"], 0)
        woken = Recorder(self.server.url, sign("bob", session), HASTY)
        self.addAsyncCleanup(woken.calls.close)
        woken.calls.connect()
        await asyncio.wait_for(woken.hears("invitation", call), PATIENCE)


if __name__ == "__main__":
    unittest.main()
