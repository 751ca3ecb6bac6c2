// The real server, as a program, with users and tokens; and a way to it that can be cut.

import { execFileSync, spawn } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The program under test. */
export const PROGRAM = process.env.CHATTRIX ?? fileURLToPath(new URL("../../../target/debug/chattrix", import.meta.url));
export const SECRET = "a secret of these tests, longer than thirty-two bytes";

/** A port that is free just now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A token of `user` for a session, which lasts for so many seconds; `more` are other claims. */
export function sign(user, session = randomUUID(), seconds = 3600, more = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user, sid: session, iat: now, exp: now + seconds, jti: randomUUID(), ...more })}`;
  return `${text}.${createHmac("sha256", SECRET).update(text).digest("base64url")}`;
}

export class Server {
  #folder = mkdtempSync(join(tmpdir(), "chattrix-client-"));
  #process = null;
  port = 0;

  static async start(settings = {}) {
    const server = new Server();
    server.port = await freePort();
    server.environment = {
      PATH: process.env.PATH,
      CHATTRIX_DATABASE: join(server.#folder, "calls.db"),
      CHATTRIX_JWT_SECRET: SECRET,
      ROCKET_ADDRESS: "127.0.0.1",
      ROCKET_PORT: String(server.port),
      ...settings,
    };
    for (const [id, name] of [["alice", "Alice"], ["bob", "Bob"]]) server.run("user", "add", id, "--name", name);
    await server.startAgain();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  run(...args) {
    return execFileSync(PROGRAM, args, { cwd: this.#folder, env: this.environment, encoding: "utf8" });
  }

  async startAgain() {
    this.#process = spawn(PROGRAM, ["serve"], { cwd: this.#folder, env: this.environment, stdio: "ignore" });
    await until(async () => (await fetch(`${this.url}/readyz`)).ok, "the server to be ready");
  }

  async stop(signal = "SIGTERM") {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill(signal);
    await ended;
  }

  async remove() {
    await this.stop();
    rmSync(this.#folder, { recursive: true });
  }
}

/** Relay to a port that can swallow all bytes, as a network does that is gone without a word. */
export class Relay {
  #pairs = new Set();
  #server = null;
  /** Whether it swallows everything. */
  isDead = false;
  /** Whether it swallows what clients send. */
  isDeaf = false;
  /** What it has passed on to clients. */
  sent = [];
  port = 0;

  static async to(port) {
    const relay = new Relay();
    relay.#server = createServer((near) => {
      const far = connect(port, "127.0.0.1");
      relay.#pairs.add(near).add(far);
      for (const [from, to] of [[near, far], [far, near]]) {
        from.on("data", (bytes) => {
          if (relay.isDead || (relay.isDeaf && from === near)) return;
          if (from === far) relay.sent.push(bytes.toString());
          to.write(bytes);
        });
        from.on("error", () => undefined);
        from.on("close", () => to.destroy());
      }
    });
    await new Promise((resolve) => relay.#server.listen(0, "127.0.0.1", resolve));
    relay.port = relay.#server.address().port;
    return relay;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  close() {
    this.#server.close();
    for (const end of this.#pairs) end.destroy();
  }
}

/** Waits until `done` says so, for 20 s at most. */
export async function until(done, what) {
  const deadline = Date.now() + 20_000;
  while (!(await Promise.resolve().then(done).catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`waited for ${what} in vain`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What `promise` comes to, which takes 20 s at most. */
export function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited for ${what} in vain`)), 20_000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
