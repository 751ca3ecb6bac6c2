// The client on a platform without a single DOM global, as React Native is: only what that platform has.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createContext, compileFunction } from "node:vm";
import { WebSocket } from "ws";

import { Server, sign, within } from "./server.mjs";

const DIST = join(import.meta.dirname, "../dist/cjs");

let server;

before(async () => {
  server = await Server.start();
});

after(() => server.remove());

/** Loads a CommonJS module into a context that has the language and these globals only. */
function load(globals) {
  const context = createContext(globals);
  const modules = new Map();
  const require = (path) => {
    if (modules.has(path)) return modules.get(path).exports;
    const module = { exports: {} };
    modules.set(path, module);
    const run = compileFunction(readFileSync(path, "utf8"), ["module", "exports", "require"], { parsingContext: context });
    run(module, module.exports, (name) => require(join(dirname(path), name)));
    return module.exports;
  };
  return require(join(DIST, "index.js"));
}

const BARE = { fetch, WebSocket, AbortController, setTimeout, clearTimeout, queueMicrotask };

test("without DOM globals a call is made, accepted and ended", async () => {
  const { Calls } = load({ ...BARE });
  const people = ["alice", "bob"].map((user) => new Calls({ url: server.url, token: sign(user) }));
  const [alice, bob] = people;
  try {
    for (const calls of people) {
      const connected = calls.once("connected");
      calls.connect();
      await within(connected, "the connection");
    }
    const invited = bob.once("invitation");
    const call = await alice.initiate({ calleeId: "bob", callType: "VIDEO", channelId: "a-channel" });
    assert.equal((await within(invited, "the invitation")).callId, call.id);
    const accepted = alice.once("accepted");
    await bob.accept(call.id);
    await within(accepted, "the answer");
    const over = bob.once("over");
    await alice.end(call.id);
    assert.equal((await within(over, "the end")).status, "ENDED");
    const { items } = await alice.rest.request("getHistory", { query: { limit: 5, direction: "OUTGOING" } });
    assert.equal(items[0].callId, call.id);
  } finally {
    for (const calls of people) calls.disconnect();
  }
});

test("without DOM globals a token is renewed on the connection", async () => {
  const { Calls } = load({ ...BARE });
  const session = randomUUID();
  let asked = 0;
  // The name has a letter beyond ASCII, which its base64url holds as two bytes.
  const token = () => sign("alice", session, asked++ === 0 ? 3 : 3600, { name: "Ålice ?>" });
  let refreshed;
  class Listening extends WebSocket {
    constructor(url) {
      super(url);
      this.on("message", (data) => String(data).includes("session.refreshed") && refreshed());
    }
  }
  const alice = new Calls({ url: server.url, token, WebSocket: Listening });
  try {
    const renewed = new Promise((resolve) => (refreshed = resolve));
    alice.connect();
    await within(renewed, "the later token to be accepted");
    assert.equal(asked, 2);
  } finally {
    alice.disconnect();
  }
});
