// The client against the real server.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { randomUUID } from "node:crypto";
import { WebSocket } from "ws";

import { ApiError, Calls } from "../dist/index.js";
import { ServerClient } from "../dist/server.js";
import { Relay, Server, sign, until, within } from "./server.mjs";

/** Quick, so that the tests are. */
const timing = { backoffMs: 50, maxBackoffMs: 200, silenceMs: 500, answerMs: 2_000, renewMs: 60_000, wakeMs: 1_000 };

let server;
const clients = [];

before(async () => {
  server = await Server.start();
});

after(() => server.remove());

afterEach(async () => {
  for (const calls of clients.splice(0)) {
    const active = await calls.active().catch(() => null);
    if (active) await calls.end(active.id).catch(() => null);
    calls.disconnect();
  }
});

/** A client, and everything that it tells. */
function client(token, url = server.url, more = {}) {
  const calls = new Calls({ url, token, WebSocket, timing: { ...timing, ...more } });
  calls.told = [];
  const names = ["invitation", "accepted", "rejected", "ended", "timeout", "over", "qualityWarning", "signal", "error",
    "connected", "disconnected"];
  for (const name of names) calls.on(name, (event) => calls.told.push([name, event]));
  calls.heard = (wanted) => calls.told.filter(([name]) => name === wanted).map(([, event]) => event);
  clients.push(calls);
  return calls;
}

async function connected(token, url, more) {
  const calls = client(token, url, more);
  const there = calls.once("connected");
  calls.connect();
  await within(there, "the connection");
  return calls;
}

const VIDEO = { calleeId: "bob", callType: "VIDEO", channelId: "a-channel" };

test("a call is invited to, accepted, talked in and ended", async () => {
  const [alice, bob] = [await connected(sign("alice")), await connected(sign("bob"))];
  const invited = bob.once("invitation");
  const call = await alice.initiate(VIDEO);
  assert.equal(call.status, "RINGING");
  const invitation = await within(invited, "the invitation");
  assert.deepEqual([invitation.callId, invitation.callerName], [call.id, "Alice"]);

  const accepted = alice.once("accepted");
  await bob.accept(invitation.callId);
  assert.equal((await within(accepted, "the answer")).acceptedBy, "bob");

  const [signal, warning] = [bob.once("signal"), bob.once("qualityWarning")];
  assert.equal(alice.signal(call.id, { offer: 1 }), true);
  assert.deepEqual((await within(signal, "the signal")).signal, { offer: 1 });
  assert.equal(alice.reportQuality(call.id, { networkQuality: "BAD" }), true);
  assert.equal((await within(warning, "the warning")).quality, "BAD");

  const over = bob.once("over");
  const ended = await alice.end(call.id, 7);
  assert.equal(ended.durationSeconds, 7);
  assert.deepEqual(await within(over, "the end"), { callId: call.id, status: "ENDED" });
  assert.deepEqual(bob.heard("ended"), [{ callId: call.id, endedBy: "alice", durationSeconds: 7 }]);
  assert.deepEqual(alice.heard("over"), [{ callId: call.id, status: "ENDED" }]);
});

test("a refusal is an error with the server's word, status and sentence", async () => {
  const alice = client(sign("alice"));
  const error = await alice.initiate({ ...VIDEO, calleeId: "nobody" }).catch((error) => error);
  assert.ok(error instanceof ApiError);
  assert.deepEqual([error.status, error.errorType, error.message], [404, "user_not_found", "User nobody not found"]);
});

test("calls are initiated from a page without TLS too, which has no crypto.randomUUID", async (context) => {
  context.mock.method(crypto, "randomUUID", () => assert.fail("only secure contexts have it"));
  const alice = client(sign("alice"));
  assert.equal((await alice.initiate(VIDEO)).status, "INITIATING");
});

test("a message that the server refuses is told", async () => {
  const alice = await connected(sign("alice"));
  const refused = alice.once("error");
  alice.signal("01a21f7b-14a9-7c5d-876c-fdd1515ecdb8", 1);
  assert.equal((await within(refused, "the refusal")).errorType, "call_not_found");
});

test("after a restart the client is back by itself, and is invited once to what still rings", async () => {
  const [alice, bob] = [await connected(sign("alice")), await connected(sign("bob"))];
  const call = await alice.initiate(VIDEO);
  await until(() => bob.heard("invitation").length === 1, "the invitation");
  await server.stop();
  await until(() => bob.heard("disconnected").some(({ code }) => code === 1012), "the farewell");
  await server.startAgain();
  await until(() => alice.heard("connected").length === 2 && bob.heard("connected").length === 2, "both to be back");
  assert.equal(bob.heard("connected")[1].active.id, call.id);
  const accepted = alice.once("accepted");
  await bob.accept(call.id);
  await within(accepted, "the answer");
  assert.equal(bob.heard("invitation").length, 1);
});

test("after a crash too, and a call that ended meanwhile is told as over, once", async () => {
  const [alice, bob] = [await connected(sign("alice")), await connected(sign("bob"))];
  const call = await alice.initiate(VIDEO);
  await until(() => bob.heard("invitation").length === 1, "the invitation");
  alice.disconnect();
  await server.stop("SIGKILL");
  await until(() => bob.heard("disconnected").length > 0, "the connection to be lost");
  bob.disconnect();
  await server.startAgain();
  await alice.end(call.id);
  bob.connect();
  await until(() => bob.heard("connected").length === 2, "bob to be back");
  // After a crash, events of earlier calls may come once more.
  const ofCall = (events) => events.filter(({ callId }) => callId === call.id);
  await until(() => ofCall(bob.heard("ended")).length === 1, "the kept event");
  assert.deepEqual(ofCall(bob.heard("over")), [{ callId: call.id, status: "ENDED" }]);
  assert.equal(bob.heard("connected")[1].active, null);
});

test("a call that ended so long ago that nothing is kept of it is over all the same", async () => {
  const session = randomUUID();
  const [alice, bob] = [await connected(sign("alice")), await connected(sign("bob", session))];
  const call = await alice.initiate(VIDEO);
  await until(() => bob.heard("invitation").length === 1, "the invitation");
  bob.disconnect();
  // Until the server knows, it delivers the end to this session, and again when the session returns.
  const status = () => alice.rest.request("getUserStatus", { path: { userId: "bob" } });
  const isGone = () => until(async () => !(await status()).isOnline, "the server to see that bob is gone");
  await isGone();
  // It remembers the last 8 sessions that left: not this one any more.
  for (let others = 0; others < 8; others++) (await connected(sign("bob"))).disconnect();
  await isGone();
  // Another device of the user takes what is kept.
  await alice.end(call.id);
  const other = await connected(sign("bob"));
  const ofCall = (events) => events.filter(({ callId }) => callId === call.id);
  await until(() => ofCall(other.heard("ended")).length === 1, "the kept event");
  // Until the server has the confirmation, it keeps the event for the next session.
  const isConfirmed = () => JSON.parse(server.run("call", "show", call.id, "--json")).delivery
    .some(({ type, userId, status }) => type === "call_ended" && userId === "bob" && status === "confirmed");
  await until(isConfirmed, "the confirmation of the other device");
  bob.connect();
  await until(() => ofCall(bob.heard("over")).length === 1, "the call to be over");
  assert.deepEqual(ofCall(bob.heard("ended")), []);
});

test("a token is renewed on the socket, and the connection outlives it", async () => {
  const session = randomUUID();
  let asked = 0;
  // The server closes a connection 30 s after its token has ended: this one, in 4 s.
  const alice = await connected(() => sign("alice", session, asked++ === 0 ? -26 : 3600));
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  assert.ok(asked >= 2);
  assert.deepEqual(alice.heard("error"), []);
  assert.deepEqual(alice.heard("disconnected"), []);
});

test("a token that nobody renews ends the connection, without a storm of attempts before", async () => {
  const token = sign("alice", randomUUID(), -27);
  const alice = await connected(token);
  await until(() => alice.heard("disconnected").at(-1)?.reason === "unauthenticated", "the end");
  assert.deepEqual(alice.heard("disconnected").map(({ code }) => code === 4001 || code === 1006), [true, true]);
  assert.deepEqual(alice.heard("error"), []);
});

test("a refused token is asked for again, and where the next one is refused too the client gives up", async () => {
  let asked = 0;
  const alice = await connected(() => (asked++ === 0 ? "no token" : sign("alice")));
  assert.ok(asked >= 2);
  assert.equal(alice.isConnected, true);

  const nobody = client("no token");
  const closed = nobody.once("disconnected");
  nobody.connect();
  assert.deepEqual(await within(closed, "the refusal").then(({ reason, retryInMs }) => [reason, retryInMs]), ["unauthenticated", null]);
});

test("a session that is replaced does not fight for its place", async () => {
  const session = randomUUID();
  const first = await connected(sign("alice", session));
  const closed = first.once("disconnected");
  const second = await connected(sign("alice", session));
  const { code, retryInMs } = await within(closed, "the close");
  assert.deepEqual([code, retryInMs], [4000, null]);
  assert.equal(second.isConnected, true);
});

test("a session that the backend closes reconnects only if it is told to", async () => {
  const [session, asked] = [randomUUID(), []];
  const token = ({ fresh }) => (asked.push(fresh), sign("alice", session));
  const alice = await connected(token);
  const backend = new ServerClient(server.url, server.run("apikey", "create", session).trim());
  const close = async (query) => {
    const closed = alice.once("disconnected");
    await backend.request("closeSession", { path: { userId: "alice", sessionId: session }, query });
    return within(closed, "the close");
  };
  const back = alice.once("connected");
  const { code, retryInMs } = await close({ reconnect: true });
  assert.equal(code, 4003);
  assert.notEqual(retryInMs, null);
  await within(back, "the connection");
  assert.equal(asked.at(-1), true);
  assert.deepEqual(await close().then(({ reason, retryInMs }) => [reason, retryInMs]), ["signed out", null]);
});

test("a network that is gone without a word is noticed, and the client comes back with it", async () => {
  const relay = await Relay.to(server.port);
  try {
    const bob = await connected(sign("bob"), relay.url, { answerMs: 500 });
    relay.isDead = true;
    await until(() => bob.heard("disconnected").some(({ reason }) => reason === "silence"), "the silence to be noticed");
    relay.isDead = false;
    await until(() => bob.heard("connected").length === 2, "the client to be back");
    const alice = client(sign("alice"));
    const call = await alice.initiate(VIDEO);
    await until(() => bob.heard("invitation").some(({ callId }) => callId === call.id), "the invitation");
  } finally {
    relay.close();
  }
});

/** What happens in a call, in its order: who does it, and what the other participant is told of it. */
const STEPS = [
  ["initiate", "alice", "invitation"],
  ["accept", "bob", "accepted"],
  ["end", "alice", "ended"],
];

for (const [lost, [action, actor, event]] of STEPS.entries()) {
  test(`a network that is lost before ${action} hides nothing from the other participant`, async () => {
    const relay = await Relay.to(server.port);
    const hasted = { silenceMs: 300, answerMs: 300, wakeMs: 300 };
    const other = actor === "alice" ? "bob" : "alice";
    try {
      const people = {};
      for (const user of ["alice", "bob"]) {
        const isLost = user === other;
        people[user] = await connected(sign(user), isLost ? relay.url : server.url, isLost ? hasted : {});
      }
      let call = null;
      const act = {
        initiate: async () => (call = await people.alice.initiate(VIDEO)),
        accept: () => people.bob.accept(call.id),
        end: () => people.alice.end(call.id),
      };
      for (const [place, [step, who, told]] of STEPS.entries()) {
        const listener = people[who === "alice" ? "bob" : "alice"];
        if (place === lost) relay.isDead = true;
        await act[step]();
        if (place === lost) {
          await until(() => listener.heard("disconnected").length > 0, "the silence to be noticed");
          relay.isDead = false;
        }
        await until(() => listener.heard(told).some(({ callId }) => callId === call.id), `${told} of ${step}`);
      }
      const ofCall = people[other].heard(event).filter(({ callId }) => callId === call.id);
      assert.equal(ofCall.length, 1);
    } finally {
      relay.close();
    }
  });
}

test("an event whose confirmation was lost is told once", async () => {
  const relay = await Relay.to(server.port);
  try {
    const session = randomUUID();
    const bob = await connected(sign("bob", session), relay.url, { silenceMs: 300, answerMs: 300 });
    const alice = client(sign("alice"));
    const call = await alice.initiate(VIDEO);
    await until(() => bob.heard("invitation").some(({ callId }) => callId === call.id), "the invitation");
    relay.isDeaf = true;
    await alice.end(call.id);
    await until(() => bob.heard("ended").some(({ callId }) => callId === call.id), "the end");
    await until(() => bob.heard("disconnected").length > 0, "the silence to be noticed");
    relay.isDeaf = false;
    await until(() => bob.heard("connected").length === 2, "the client to be back");
    const other = await connected(sign("alice"));
    const next = await other.initiate(VIDEO);
    await until(() => bob.heard("invitation").some(({ callId }) => callId === next.id), "what came after it");
    assert.equal(bob.heard("ended").filter(({ callId }) => callId === call.id).length, 1);
    assert.ok(relay.sent.filter((text) => text.includes("call_ended") && text.includes(call.id)).length >= 2, "it came again");
  } finally {
    relay.close();
  }
});

test("a page reconnects when its network is back, and checks the connection when it is shown again", async () => {
  const page = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  globalThis.addEventListener = page.addEventListener.bind(page);
  globalThis.removeEventListener = page.removeEventListener.bind(page);
  globalThis.document = document;
  const relay = await Relay.to(server.port);
  try {
    const slow = { silenceMs: 60_000, answerMs: 60_000, backoffMs: 60_000, maxBackoffMs: 60_000, wakeMs: 300 };
    const bob = await connected(sign("bob"), relay.url, slow);
    page.dispatchEvent(new Event("offline"));
    await until(() => bob.heard("disconnected").at(-1)?.reason === "offline", "the loss to be told");
    page.dispatchEvent(new Event("online"));
    await until(() => bob.heard("connected").length === 2, "the client to be back");

    relay.isDead = true;
    document.dispatchEvent(new Event("visibilitychange"));
    await until(() => bob.heard("disconnected").at(-1)?.reason === "silence", "the check to fail");
    relay.isDead = false;
    document.dispatchEvent(new Event("visibilitychange"));
    await until(() => bob.heard("connected").length === 3, "the client to be back again");
    bob.disconnect();
    page.dispatchEvent(new Event("online"));
    assert.equal(bob.isConnected, false);
  } finally {
    delete globalThis.addEventListener;
    delete globalThis.removeEventListener;
    delete globalThis.document;
    relay.close();
  }
});

test("silence alone is no reason to go while the server answers", async () => {
  const alice = await connected(sign("alice"));
  await new Promise((resolve) => setTimeout(resolve, 4 * timing.silenceMs));
  assert.deepEqual(alice.heard("disconnected"), []);
});

test("the waits before reconnecting grow, and are not the same for all", async () => {
  const relay = await Relay.to(1);
  relay.close();
  const alone = client(sign("alice"), relay.url, { backoffMs: 20, maxBackoffMs: 160 });
  alone.connect();
  await until(() => alone.heard("disconnected").length >= 8, "some attempts");
  const waits = alone.heard("disconnected").map(({ retryInMs }) => retryInMs);
  waits.forEach((wait, index) => {
    const longest = Math.min(160, 20 * 2 ** index);
    assert.ok(wait >= Math.floor(longest * 0.2) && wait <= longest, `${waits}`);
  });
  assert.ok(new Set(waits.slice(3)).size > 1, `${waits}`);
});

test("the whole REST interface can be asked by its operations", async () => {
  const alice = client(sign("alice"));
  const { items, nextCursor } = await alice.rest.request("getHistory", { query: { limit: 1, direction: "OUTGOING" } });
  assert.equal(items.length, 1);
  const next = await alice.rest.request("getHistory", { query: { limit: 1, cursor: nextCursor } });
  assert.notEqual(next.items[0].id, items[0].id);
  const status = await alice.rest.request("getUserStatus", { path: { userId: "bob" } });
  assert.equal(status.userId, "bob");
});

test("do not disturb: a call does not ring, and rings when it is turned off", async () => {
  const [alice, bob] = [await connected(sign("alice")), await connected(sign("bob"))];
  const until = new Date(Date.now() + 3_600_000);
  assert.deepEqual(await bob.setAvailability("do_not_disturb", until),
    { status: "do_not_disturb", until: until.toISOString() });
  const call = await alice.initiate(VIDEO);
  assert.equal(call.status, "INITIATING");
  const invited = bob.once("invitation");
  assert.deepEqual(await bob.setAvailability("available"), { status: "available", until: null });
  assert.equal((await within(invited, "the invitation")).callId, call.id);
  assert.deepEqual(await bob.availability(), { status: "available", until: null });
});
