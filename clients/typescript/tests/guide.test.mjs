// docs/integrate.md in TypeScript: its server, its backend and its phones make a call.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import { transformSync } from "esbuild";

import { PROGRAM, freePort, until } from "./server.mjs";

const SOURCE = join(import.meta.dirname, "..");
const GUIDE = readFileSync(join(SOURCE, "../../docs/integrate.md"), "utf8");
/** Compiler options for a program of the guide. */
const CHECKED = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--types", "node"];

const folder = mkdtempSync(join(tmpdir(), "chattrix-guide-"));
const running = [];

after(async () => {
  for (const { process: child } of running) {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      // The shell of the guide starts the server as its child.
      try {
        process.kill(-child.pid);
      } catch (error) {
        // It has ended by itself just now.
        if (error.code !== "ESRCH") throw error;
      }
      await ended;
    }
  }
  rmSync(folder, { recursive: true });
});

/** The blocks of the guide in a language. */
function blocks(language) {
  return [...GUIDE.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm"))].map(([, text]) => text);
}

/** Starts a program in the folder; returns a function that reads what it has printed. */
function start(command, ...args) {
  const output = join(folder, `output-${running.length}`);
  const file = openSync(output, "w");
  const env = { PATH: `${join(folder, "bin")}${delimiter}${process.env.PATH}`, HOME: folder, ROCKET_PORT: ports["8000"] };
  running.push({ process: spawn(command, args, { cwd: folder, env, stdio: ["ignore", file, file], detached: true }) });
  return () => readFileSync(output, "utf8");
}

function says(printed, words) {
  return until(() => printed().includes(words), `${words} in: ${printed()}`);
}

const ports = {};

test("the programs of the guide make a call", async () => {
  for (const example of ["8000", "3000"]) ports[example] = String(await freePort());
  mkdirSync(join(folder, "node_modules"));
  mkdirSync(join(folder, "bin"));
  symlinkSync(PROGRAM, join(folder, "bin/chattrix"));
  symlinkSync(SOURCE, join(folder, "node_modules/chattrix-calls"));
  for (const name of ["jose", "@types"]) symlinkSync(join(SOURCE, "node_modules", name), join(folder, "node_modules", name));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  // Node.js before 22 has no WebSocket, and cannot run TypeScript.
  writeFileSync(join(folder, "websocket.js"), `import { WebSocket } from ${JSON.stringify(join(SOURCE, "node_modules/ws/wrapper.mjs"))};
globalThis.WebSocket ??= WebSocket;\n`);
  const [backend, phone] = blocks("ts");
  for (const [name, text] of Object.entries({ backend, phone })) {
    const here = text.replaceAll(/8000|3000/g, (example) => ports[example]);
    writeFileSync(join(folder, `${name}.ts`), here);
    writeFileSync(join(folder, `${name}.js`), transformSync(here, { loader: "ts", target: "es2022" }).code);
  }
  const tsc = join(SOURCE, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, ...CHECKED, "backend.ts", "phone.ts"], { cwd: folder, stdio: "inherit" });

  const node = (...args) => start(process.execPath, "--import", "./websocket.js", ...args);
  const [script] = blocks("sh");
  await says(start("bash", "-euo", "pipefail", "-c", script), "listening on");
  node("backend.js");
  await until(async () => (await fetch(`http://127.0.0.1:${ports["3000"]}/token?user=bob&device=test`)).ok, "a token");
  const bob = node("phone.js", "bob");
  await says(bob, "bob is connected");
  const alice = node("phone.js", "alice", "bob");
  await says(alice, "over: ENDED");
  await says(bob, "over: ENDED");
  assert.equal(alice(), "alice is connected\nbob accepted: join my-first-call\nover: ENDED\n");
  assert.equal(bob(), "bob is connected\nalice calls\naccepted: join my-first-call\nover: ENDED\n");
});
