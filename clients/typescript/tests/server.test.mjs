// The client of the server API, and the check of webhooks, against a real server.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { ApiError } from "../dist/index.js";
import { ServerClient, WebhookError, verifyWebhook } from "../dist/server.js";
import { Server, freePort, sign, within } from "./server.mjs";

const SECRET = `whsec_${randomBytes(32).toString("base64")}`;

let server, backend, receiver;
/** Requests to the backend of the team, in their order, and who waits for the next. */
const received = [];
let heard = () => undefined;

before(async () => {
  const port = await freePort();
  receiver = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    received.push({ headers: request.headers, body });
    response.end();
    heard();
  }).listen(port, "127.0.0.1");
  server = await Server.start({
    CHATTRIX_WEBHOOK_URL: `http://127.0.0.1:${port}/hook`,
    CHATTRIX_WEBHOOK_SECRET: SECRET,
    CHATTRIX_WEBHOOK_ALLOW_PRIVATE: "true",
  });
  backend = new ServerClient(server.url, server.run("apikey", "create", "backend").trim());
});

after(async () => {
  await server.remove();
  receiver.close();
});

/** The first webhook of a type. */
async function webhook(type) {
  for (;;) {
    const found = received.find(({ body }) => JSON.parse(body).type === type);
    if (found) return found;
    await within(new Promise((resolve) => (heard = resolve)), `a webhook of type ${type}`);
  }
}

test("a backend adds a user, issues a token and ends a call", async () => {
  const grace = await backend.request("putUser", { path: { userId: "grace" }, body: { name: "Grace" } });
  assert.equal(grace.standing, "active");
  const { token } = await backend.request("issueToken", { path: { userId: "grace" }, body: { ttl: 60, sid: "phone" } });
  const mine = await fetch(`${server.url}/api/v1/calls/active`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(mine.status, 200);
  const call = await backend.request("placeCall", {
    body: { callerId: "grace", calleeId: "bob", callType: "AUDIO", channelId: "desk" },
    headers: { "idempotency-key": "desk-1" },
  });
  const listed = await backend.request("listCalls", { query: { live: true, user: "grace" } });
  assert.deepEqual(listed.items.map(({ id }) => id), [call.id]);
  const ended = await backend.request("endCallOfUsers", { path: { callId: call.id } });
  assert.equal(ended.endedBy, "system");
});

test("an error of the server API has its type", async () => {
  const unknown = backend.request("getUser", { path: { userId: "nobody" } });
  await assert.rejects(unknown, (error) => error instanceof ApiError && error.errorType === "user_not_found");
  const withToken = new ServerClient(server.url, sign("alice"));
  await assert.rejects(withToken.request("listUsers"), (error) => error.status === 401);
});

test("an id that would change the path is refused", async () => {
  for (const otherId of ["", ".", ".."]) {
    await assert.rejects(backend.request("removeBlockOfUser", { path: { userId: "bob", otherId } }), TypeError);
  }
});

test("a webhook is verified with each secret of a rotation", async () => {
  const { headers, body } = await webhook("call.initiated");
  const message = await verifyWebhook(body, headers, SECRET);
  assert.equal(message.type, "call.initiated");
  await verifyWebhook(body, new Headers(headers), [`whsec_${randomBytes(32).toString("base64")}`, SECRET]);
});

test("a webhook that is changed, old or of another secret is rejected", async () => {
  const { headers, body } = await webhook("call.initiated");
  const wrong = [
    [body.replace("call.initiated", "call.ended"), headers, SECRET],
    [body, headers, `whsec_${randomBytes(32).toString("base64")}`],
    [body, headers, SECRET, Date.now() + 6 * 60_000],
    [body, { ...headers, "webhook-timestamp": "now" }, SECRET],
    [body, { ...headers, "webhook-signature": "v1,not base64" }, SECRET],
    [body, { ...headers, "webhook-id": undefined }, SECRET],
  ];
  for (const args of wrong) await assert.rejects(verifyWebhook(...args), WebhookError);
});
