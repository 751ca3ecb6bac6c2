"""The client against the real server."""

import asyncio
import dataclasses
import signal
import unittest
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from chattrix_calls import ApiError, Calls, Timing, TokenSource
from chattrix_calls.models import Call, InitiateCall

from server import PATIENCE, Relay, Server, free_port, sign, until

# Short, so that the tests are quick.
TIMING = Timing(backoff=0.05, max_backoff=0.2, silence=0.5, answer=5, wake=1)
# Finds a dead connection at once.
HASTY = dataclasses.replace(TIMING, silence=0.3, answer=0.6, wake=0.6)

VIDEO: InitiateCall = {"calleeId": "bob", "callType": "VIDEO", "channelId": "a-channel"}

EVENTS = ("invitation", "accepted", "rejected", "ended", "timeout", "over", "quality_warning", "signal", "error", "connected",
          "disconnected")


class Recorder:
    """A client, and every event that it reported."""

    def __init__(self, url: str, token: str | TokenSource, timing: Timing) -> None:
        self.calls = Calls(url, token, timing=timing)
        self.events: list[tuple[str, Any]] = []
        for name in EVENTS:
            getattr(self.calls, f"on_{name}")(lambda event, name=name: self.events.append((name, event)))

    def heard(self, name: str) -> list[Any]:
        return [event for kind, event in self.events if kind == name]

    def of_call(self, name: str, call: Call) -> list[Any]:
        """Returns the events of that name about a call."""
        about = (event for event in self.heard(name))
        return [event for event in about if (event["callId"] if isinstance(event, dict) else event.call_id) == call["id"]]

    async def hears(self, name: str, call: Call, count: int = 1) -> Any:
        await until(lambda: len(self.of_call(name, call)) >= count, f"{name} of the call")
        return self.of_call(name, call)[-1]

    async def is_connected(self, count: int = 1) -> None:
        await until(lambda: len(self.heard("connected")) >= count, f"connection {count}")

    async def loses(self, reason: str) -> None:
        await until(lambda: any(event.reason == reason for event in self.heard("disconnected")), f"the loss: {reason}")


class ClientTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        # unittest turns it on, and then every slow step of a loaded machine is printed.
        asyncio.get_running_loop().set_debug(False)
        self.server = Server()
        self.addAsyncCleanup(self.server.remove)
        await self.server.create()

    def client(self, token: str | TokenSource, url: str | None = None, timing: Timing = TIMING) -> Recorder:
        recorder = Recorder(url or self.server.url, token, timing)
        self.addAsyncCleanup(recorder.calls.close)
        return recorder

    async def connected(self, token: str | TokenSource, url: str | None = None, timing: Timing = TIMING) -> Recorder:
        recorder = self.client(token, url, timing)
        recorder.calls.connect()
        await recorder.is_connected()
        return recorder

    async def relay(self) -> Relay:
        relay = Relay(self.server.port)
        await relay.start()
        self.addCleanup(relay.close)
        return relay

    async def test_call_is_accepted_talked_in_and_ended(self) -> None:
        alice, bob = await self.connected(sign("alice")), await self.connected(sign("bob"))
        call = await alice.calls.initiate(VIDEO)
        self.assertEqual(call["status"], "RINGING")
        self.assertEqual((await bob.hears("invitation", call))["callerName"], "Alice")

        await bob.calls.accept(call["id"])
        self.assertEqual((await alice.hears("accepted", call))["acceptedBy"], "bob")
        self.assertEqual((await alice.calls.set_status(call["id"], "ACTIVE"))["status"], "ACTIVE")
        self.assertTrue(await alice.calls.signal(call["id"], {"offer": 1}))
        self.assertEqual((await bob.hears("signal", call))["signal"], {"offer": 1})
        self.assertTrue(await alice.calls.report_quality(call["id"], {"networkQuality": "BAD"}))
        self.assertEqual((await bob.hears("quality_warning", call))["quality"], "BAD")

        self.assertEqual((await alice.calls.end(call["id"], 0))["durationSeconds"], 0)
        self.assertEqual((await bob.hears("ended", call))["endedBy"], "alice")
        self.assertEqual((await bob.hears("over", call)).status, "ENDED")
        self.assertEqual(len(alice.of_call("over", call)), 1)

    async def test_backend_sends_an_event_of_its_own(self) -> None:
        key = await self.server.output("apikey", "create", "backend", "--scope", "events")
        async with Calls(self.server.url, sign("bob"), timing=TIMING) as bob:
            sent = bob.on_app_event.next()
            body = {"type": "app.chat", "data": {"text": "Hello"}}
            async with httpx.AsyncClient(headers={"authorization": f"Bearer {key}"}) as http:
                response = await http.post(f"{self.server.url}/api/server/v1/users/bob/events", json=body)
            self.assertEqual(response.json()["data"]["reached"], 1)
            event = await asyncio.wait_for(sent, PATIENCE)
            self.assertEqual((event["type"], event["data"]), ("app.chat", {"text": "Hello"}))
            # This server does not take messages for the backend.
            rejected = bob.on_error.next()
            self.assertTrue(await bob.send("app.chat", {"text": "Hello"}))
            self.assertEqual((await asyncio.wait_for(rejected, PATIENCE))["errorType"], "parse_error")

    async def test_async_with_connects_and_closes(self) -> None:
        async with Calls(self.server.url, sign("bob"), timing=TIMING) as bob:
            self.assertTrue(bob.is_connected)
            invited = bob.on_invitation.next()
            async with Calls(self.server.url, sign("alice"), timing=TIMING) as alice:
                call = await alice.initiate(VIDEO)
                self.assertEqual((await asyncio.wait_for(invited, PATIENCE))["callId"], call["id"])
                rejected = alice.on_rejected.next()
                await bob.reject(call["id"], "busy")
                self.assertEqual((await asyncio.wait_for(rejected, PATIENCE))["reason"], "busy")
        self.assertFalse(bob.is_connected)
        with self.assertRaises(ApiError):
            async with Calls(self.server.url, "not a token", timing=TIMING):
                self.fail("a rejected token connects nobody")

    async def test_handlers_run_and_failures_do_not_spread(self) -> None:
        failures: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        bob = await self.connected(sign("bob"))
        accepted: list[str] = []

        @bob.calls.on_invitation
        def fail(invitation: object) -> None:
            raise ValueError(invitation)

        @bob.calls.on_invitation
        async def accept(invitation: Any) -> None:
            await bob.calls.accept(invitation["callId"])
            accepted.append(invitation["callId"])

        alice = await self.connected(sign("alice"))
        call = await alice.calls.initiate(VIDEO)
        await alice.hears("accepted", call)
        await until(lambda: accepted == [call["id"]], "the handler to return")
        self.assertEqual([type(one["exception"]) for one in failures], [ValueError])

    async def test_api_error_has_status_type_and_message(self) -> None:
        alice = self.client(sign("alice"))
        with self.assertRaises(ApiError) as raised:
            await alice.calls.initiate({**VIDEO, "calleeId": "nobody"})
        error = raised.exception
        self.assertEqual((error.status, error.error_type, str(error)), (404, "user_not_found", "User nobody not found"))

    async def test_id_that_would_change_the_path_is_refused(self) -> None:
        alice = self.client(sign("alice"))
        for user in ("", ".", ".."):
            with self.assertRaises(ValueError):
                await alice.calls.rest.unblock_user(user)

    async def test_rejected_message_is_an_error_event(self) -> None:
        alice = await self.connected(sign("alice"))
        rejected = alice.calls.on_error.next()
        await alice.calls.signal("01a21f7b-14a9-7c5d-876c-fdd1515ecdb8", 1)
        self.assertEqual((await asyncio.wait_for(rejected, PATIENCE))["errorType"], "call_not_found")

    async def test_restart_reconnects_and_invites_once(self) -> None:
        alice, bob = await self.connected(sign("alice")), await self.connected(sign("bob"))
        call = await alice.calls.initiate(VIDEO)
        await bob.hears("invitation", call)
        await self.server.stop()
        await until(lambda: any(event.code == 1012 for event in bob.heard("disconnected")), "close code 1012")
        await self.server.start()
        await alice.is_connected(2)
        await bob.is_connected(2)
        self.assertEqual(bob.heard("connected")[1].active["id"], call["id"])
        await bob.calls.accept(call["id"])
        await alice.hears("accepted", call)
        self.assertEqual(len(bob.of_call("invitation", call)), 1)

    async def test_call_that_ended_during_a_crash_is_over_once(self) -> None:
        alice, bob = await self.connected(sign("alice")), await self.connected(sign("bob"))
        call = await alice.calls.initiate(VIDEO)
        await bob.hears("invitation", call)
        await alice.calls.disconnect()
        await self.server.stop(signal.SIGKILL)
        await until(lambda: bob.heard("disconnected"), "the loss")
        await bob.calls.disconnect()
        await self.server.start()
        await alice.calls.end(call["id"])
        bob.calls.connect()
        await bob.is_connected(2)
        await bob.hears("ended", call)
        self.assertEqual([event.status for event in bob.of_call("over", call)], ["ENDED"])
        self.assertIsNone(bob.heard("connected")[1].active)

    async def test_call_without_a_stored_event_is_over_on_reconnect(self) -> None:
        alice, bob = await self.connected(sign("alice")), await self.connected(sign("bob"))
        call = await alice.calls.initiate(VIDEO)
        await bob.hears("invitation", call)
        await bob.calls.disconnect()
        # The server remembers the last 8 sessions that left: not this one any more.
        for _ in range(8):
            await (await self.connected(sign("bob"))).calls.disconnect()
        while (await alice.calls.rest.get_user_status("bob"))["isOnline"]:
            await asyncio.sleep(0.02)
        # Another device of the user receives the stored event.
        await alice.calls.end(call["id"])
        other = await self.connected(sign("bob"))
        await other.hears("ended", call)
        bob.calls.connect()
        await bob.hears("over", call)
        self.assertEqual(len(bob.of_call("over", call)), 1)

    async def test_token_is_renewed_on_the_connection(self) -> None:
        session, asked = str(uuid.uuid4()), 0

        def token(fresh: bool) -> str:
            nonlocal asked
            asked += 1
            # The server closes a connection 30 s after its token has expired: this one, in 5 s.
            return sign("alice", session, -25 if asked == 1 else 3600)

        alice = await self.connected(token)
        begun = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() > begun + 8, "the first token's end")
        self.assertGreaterEqual(asked, 2)
        self.assertEqual((alice.heard("error"), alice.heard("disconnected")), ([], []))

    async def test_token_that_is_not_renewed_ends_the_connection(self) -> None:
        alice = await self.connected(sign("alice", seconds=-26))
        await alice.loses("unauthenticated")
        self.assertIsNone(alice.heard("disconnected")[-1].retry_in)
        self.assertEqual([event.code for event in alice.heard("disconnected")], [4001, 1006])
        self.assertEqual(alice.heard("error"), [])

    async def test_rejected_token_is_renewed_once(self) -> None:
        asked: list[bool] = []

        async def token(fresh: bool) -> str:
            asked.append(fresh)
            return "not a token" if len(asked) == 1 else sign("alice")

        alice = await self.connected(token)
        self.assertTrue(alice.calls.is_connected)
        self.assertEqual(asked[:2], [False, True])

        nobody = self.client("not a token")
        nobody.calls.connect()
        await nobody.loses("unauthenticated")
        self.assertEqual([event.retry_in for event in nobody.heard("disconnected")], [None])

    async def test_replaced_session_does_not_reconnect(self) -> None:
        session = str(uuid.uuid4())
        first = await self.connected(sign("alice", session))
        second = await self.connected(sign("alice", session))
        await until(lambda: first.heard("disconnected"), "the close")
        self.assertEqual([(event.code, event.retry_in) for event in first.heard("disconnected")], [(4000, None)])
        self.assertTrue(second.calls.is_connected)

    async def test_dead_network_is_noticed_and_survived(self) -> None:
        relay = await self.relay()
        bob = await self.connected(sign("bob"), relay.url, HASTY)
        relay.is_dead = True
        await bob.loses("silence")
        relay.is_dead = False
        await bob.is_connected(2)
        call = await self.client(sign("alice")).calls.initiate(VIDEO)
        await bob.hears("invitation", call)

    async def test_wake_checks_an_idle_connection(self) -> None:
        relay = await self.relay()
        slow = Timing(backoff=60, max_backoff=60, silence=60, answer=60, wake=0.5)
        bob = await self.connected(sign("bob"), relay.url, slow)
        relay.is_dead = True
        bob.calls.wake()
        await bob.loses("silence")
        relay.is_dead = False
        bob.calls.wake()
        await bob.is_connected(2)

    async def test_silence_alone_does_not_disconnect(self) -> None:
        alice = await self.connected(sign("alice"))
        begun = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() > begun + 4 * TIMING.silence, "some heartbeats")
        self.assertEqual(alice.heard("disconnected"), [])

    async def test_event_with_lost_confirmation_is_reported_once(self) -> None:
        relay = await self.relay()
        bob = await self.connected(sign("bob", str(uuid.uuid4())), relay.url, HASTY)
        call = await self.client(sign("alice")).calls.initiate(VIDEO)
        await bob.hears("invitation", call)
        relay.is_deaf = True
        await self.client(sign("alice")).calls.end(call["id"])
        await bob.hears("ended", call)
        await bob.loses("silence")
        relay.is_deaf = False
        await bob.is_connected(2)
        later = await self.client(sign("alice")).calls.initiate(VIDEO)
        await bob.hears("invitation", later)
        self.assertEqual(len(bob.of_call("ended", call)), 1)
        repeated = [data for data in relay.sent if b"call_ended" in data and call["id"].encode() in data]
        self.assertGreaterEqual(len(repeated), 2, "the server sends the event again")

    async def test_lost_response_to_initiate_rings_once(self) -> None:
        relay = await self.relay()
        bob = await self.connected(sign("bob"))
        alice = self.client(sign("alice"), relay.url, dataclasses.replace(TIMING, answer=1))
        relay.is_mute = True
        begun = asyncio.ensure_future(alice.calls.initiate(VIDEO))
        await until(lambda: bob.heard("invitation"), "the invitation")
        relay.is_mute = False
        call = await asyncio.wait_for(begun, PATIENCE)
        self.assertEqual([one["callId"] for one in bob.heard("invitation")], [call["id"]])

    async def test_backoff_grows_with_jitter(self) -> None:
        timing = dataclasses.replace(TIMING, backoff=0.02, max_backoff=0.16)
        alone = self.client(sign("alice"), f"http://127.0.0.1:{free_port()}", timing)
        alone.calls.connect()
        await until(lambda: len(alone.heard("disconnected")) >= 8, "some attempts")
        waits = [event.retry_in for event in alone.heard("disconnected")]
        for number, wait in enumerate(waits):
            longest = min(0.16, 0.02 * 2**number)
            self.assertTrue(longest * 0.2 <= wait <= longest, waits)
        self.assertGreater(len(set(waits[3:])), 1)

    async def test_rest_has_every_operation(self) -> None:
        alice = self.client(sign("alice"))
        for _ in range(2):
            call = await alice.calls.initiate(VIDEO)
            await alice.calls.end(call["id"])
        page = await alice.calls.rest.get_history(limit=1, direction="OUTGOING")
        self.assertEqual(len(page["items"]), 1)
        following = await alice.calls.rest.get_history(limit=1, cursor=page["nextCursor"])
        self.assertNotEqual(following["items"][0]["id"], page["items"][0]["id"])
        self.assertEqual((await alice.calls.rest.get_user_status("bob"))["userId"], "bob")

    async def test_do_not_disturb_stops_the_ringing(self) -> None:
        alice, bob = await self.connected(sign("alice")), await self.connected(sign("bob"))
        end = datetime.now(UTC) + timedelta(hours=1)
        self.assertEqual((await bob.calls.set_availability("do_not_disturb", end))["status"], "do_not_disturb")
        call = await alice.calls.initiate(VIDEO)
        self.assertEqual(call["status"], "INITIATING")
        self.assertEqual(await bob.calls.set_availability("available"), {"status": "available", "until": None})
        await bob.hears("invitation", call)
        self.assertEqual(await bob.calls.availability(), {"status": "available", "until": None})

    async def _call_with_loss_before(self, lost: str) -> None:
        """Makes a call; the network of the participant who hears of step `lost` disappears before it."""
        relay = await self.relay()
        listener = "alice" if lost == "accept" else "bob"
        people = {}
        for user in ("alice", "bob"):
            way = (relay.url, HASTY) if user == listener else (self.server.url, TIMING)
            people[user] = await self.connected(sign(user), *way)
        alice, bob = people["alice"], people["bob"]
        call: Call | None = None

        async def initiate() -> None:
            nonlocal call
            call = await alice.calls.initiate(VIDEO)

        async def accept() -> None:
            assert call
            await bob.calls.accept(call["id"])

        async def end() -> None:
            assert call
            await alice.calls.end(call["id"])

        steps: list[tuple[str, Callable[[], Awaitable[None]], Recorder, str]] = [
            ("initiate", initiate, bob, "invitation"),
            ("accept", accept, alice, "accepted"),
            ("end", end, bob, "ended"),
        ]
        for step, act, hearer, event in steps:
            if step == lost:
                relay.is_dead = True
            await act()
            if step == lost:
                await hearer.loses("silence")
                relay.is_dead = False
            assert call
            await hearer.hears(event, call)
            self.assertEqual(len(hearer.of_call(event, call)), 1)

    async def test_network_lost_before_initiate_hides_nothing(self) -> None:
        await self._call_with_loss_before("initiate")

    async def test_network_lost_before_accept_hides_nothing(self) -> None:
        await self._call_with_loss_before("accept")

    async def test_network_lost_before_end_hides_nothing(self) -> None:
        await self._call_with_loss_before("end")


if __name__ == "__main__":
    unittest.main()
