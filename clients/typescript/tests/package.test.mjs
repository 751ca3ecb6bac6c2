// The package as npm packs it from a fresh clone, installed into an empty project.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

const SOURCE = join(import.meta.dirname, "..");
/** What a clone does not have. */
const UNTRACKED = ["node_modules", "dist"];

let folder;
const project = () => join(folder, "project");

function run(cwd, program, ...args) {
  return execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), "chattrix-package-"));
  const clone = join(folder, "clone");
  cpSync(SOURCE, clone, { recursive: true, filter: (path) => !UNTRACKED.some((name) => path === join(SOURCE, name)) });
  run(clone, "npm", "pack", "--silent", "--pack-destination", folder);
  const [tarball] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  cpSync(join(import.meta.dirname, "project"), project(), { recursive: true });
  writeFileSync(join(project(), "package.json"), '{ "private": true }\n');
  run(project(), "npm", "install", "--silent", "--no-audit", "--no-fund", "--offline", join(folder, tarball));
});

after(() => rmSync(folder, { recursive: true }));

test("the package installs without dependencies and contains no sources", () => {
  assert.deepEqual(readdirSync(join(project(), "node_modules")).filter((name) => !name.startsWith(".")), ["chattrix-calls"]);
  const installed = readdirSync(join(project(), "node_modules/chattrix-calls"));
  assert.deepEqual(installed.sort(), ["README.md", "dist", "package.json"]);
  assert.ok(existsSync(join(project(), "node_modules/chattrix-calls/dist/cjs/index.d.ts")));
});

for (const file of ["module.mjs", "common.cjs"]) {
  test(`the package runs in ${file}`, () => {
    assert.equal(run(project(), process.execPath, file), "Calls ApiError false\n");
  });
}

test("the types are found from ES modules and CommonJS, without DOM types", () => {
  const tsc = join(SOURCE, "node_modules/typescript/bin/tsc");
  for (const resolution of [["--module", "node16"], ["--module", "esnext", "--moduleResolution", "bundler"]]) {
    run(project(), process.execPath, tsc, "--noEmit", "--strict", "--target", "es2022", "--lib", "es2022", ...resolution, "typed.mts", "typed.cts");
  }
});
