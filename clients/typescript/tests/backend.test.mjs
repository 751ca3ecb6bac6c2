// The backends of docs/backend.md, in Node.js and in Python, beside a real server.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocket } from "ws";

import { Calls } from "../dist/index.js";
import { Server, freePort, until } from "./server.mjs";

const SOURCE = join(import.meta.dirname, "..");
const GUIDE = readFileSync(join(SOURCE, "../../docs/backend.md"), "utf8");
const SECRET = `whsec_${randomBytes(32).toString("base64")}`;

/** The block of the guide in a language. */
function block(language) {
  return new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "m").exec(GUIDE)[1];
}

for (const [language, file, program] of [["js", "backend.mjs", process.execPath], ["python", "backend.py", "python3"]]) {
  test(`the backend in ${language} signs up, pushes, ends a call and passes on a chat`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "chattrix-backend-"));
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const server = await Server.start({
      CHATTRIX_WEBHOOK_URL: `${url}/webhook`,
      CHATTRIX_WEBHOOK_SECRET: SECRET,
      CHATTRIX_WEBHOOK_ALLOW_PRIVATE: "true",
      CHATTRIX_APP_MESSAGES: "true",
    });
    const key = server.run("apikey", "create", "backend", "--scope", "users,tokens,calls,events").trim();
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(SOURCE, join(folder, "node_modules/chattrix-calls"));
    writeFileSync(join(folder, file), block(language));
    const env = { PATH: process.env.PATH, CHATTRIX_URL: server.url, CHATTRIX_API_KEY: key, WEBHOOK_SECRET: SECRET, PORT: String(port) };
    const backend = spawn(program, [file], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    let printed = "";
    backend.stdout.on("data", (text) => (printed += text));
    backend.stderr.on("data", (text) => (printed += text));
    const post = async (path, body) => {
      const response = await fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) });
      return { status: response.status, body: response.ok ? await response.json() : await response.text() };
    };
    try {
      // A route that is not there is answered too.
      await until(async () => (await post("/", {})).status === 400, `the backend to listen: ${printed}`);
      const { body: grace } = await post("/sign-up", { id: "grace", name: "Grace", device: "phone" });
      assert.equal(grace.sessionId, "phone", JSON.stringify(grace));
      const headers = { authorization: `Bearer ${grace.token}`, "content-type": "application/json" };
      const body = JSON.stringify({ calleeId: "bob", callType: "AUDIO", channelId: "c" });
      const made = await fetch(`${server.url}/api/v1/calls/initiate`, { method: "POST", headers, body });
      const { data: call } = await made.json();
      await until(() => printed.includes(`push bob ${call.id}`), `a push in: ${printed}`);
      const { body: ended } = await post("/moderator/end", { callId: call.id });
      assert.equal(ended.status, "ENDED", JSON.stringify(ended));
      assert.equal((await post("/webhook", {})).status, 400);
      const { body: bob } = await post("/sign-up", { id: "bob", name: "Bob", device: "laptop" });
      const [hers, his] = [grace, bob].map(({ token }) => new Calls({ url: server.url, token, WebSocket }));
      try {
        const heard = [];
        his.on("app", ({ type, data }) => heard.push([type, data.from, data.text]));
        for (const calls of [hers, his]) calls.connect();
        await until(() => hers.isConnected && his.isConnected, "both to connect");
        assert.equal(hers.send("app.chat", { to: "bob", text: "Hello" }), true);
        await until(() => heard.length > 0, `a message in: ${printed}`);
        assert.deepEqual(heard, [["app.chat", "grace", "Hello"]]);
      } finally {
        for (const calls of [hers, his]) calls.disconnect();
      }
    } finally {
      const gone = once(backend, "exit");
      backend.kill();
      await gone;
      await server.remove();
      rmSync(folder, { recursive: true });
    }
  });
}
