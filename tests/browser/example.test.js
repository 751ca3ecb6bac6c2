// examples/chat-call, as its README starts it: two users log in and call each other.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { SECRET, Server, freePort, until } from '../../clients/typescript/tests/server.mjs';
import { PATIENCE, faultsOf, startBrowser } from './support/browser.js';

const EXAMPLE = join(import.meta.dirname, '../../examples/chat-call/server.mjs');

let browser;
let server;
let backend;
let address;
const folder = mkdtempSync(join(tmpdir(), 'chattrix-example-'));

before(async () => {
  const port = await freePort();
  address = `http://127.0.0.1:${port}/`;
  server = await Server.start({ CHATTRIX_ALLOWED_ORIGINS: address.slice(0, -1), CHATTRIX_AUTO_PROVISION: 'true' });
  const secret = join(folder, 'jwt-secret');
  writeFileSync(secret, `${SECRET}\n`);
  const env = { PATH: process.env.PATH, JWT_SECRET_FILE: secret, CALLS_URL: server.url, PORT: String(port) };
  backend = spawn(process.execPath, [EXAMPLE], { env, stdio: 'inherit' });
  await until(async () => (await fetch(address)).ok, 'the example');
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  backend?.kill();
  await server?.remove();
  rmSync(folder, { recursive: true });
});

/** A window in which a user has logged in. */
async function logIn(name) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(error.stack));
  await page.goto(address);
  await page.getByLabel('Log in as').selectOption({ label: name });
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('connected', { exact: true }).waitFor();
  return page;
}

const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
const sees = (page, text) => page.getByText(text).waitFor();

async function close(...pages) {
  for (const page of pages) {
    await page.context().close();
    assert.deepEqual(page.complaints, []);
  }
}

test('two users of the example call, talk and end', async () => {
  const [alice, bob] = [await logIn('Alice Archer'), await logIn('Bob Baker')];
  await press(alice, 'Call Bob Baker');
  await sees(alice, 'Calling Bob Baker…');
  await sees(bob, 'Alice Archer calls');
  assert.deepEqual(await faultsOf(bob), []);
  await press(bob, 'Accept');
  for (const [page, other] of [[alice, 'Bob Baker'], [bob, 'Alice Archer']]) await sees(page, `In a call with ${other}`);

  await bob.reload();
  await bob.getByLabel('Log in as').selectOption({ label: 'Bob Baker' });
  await press(bob, 'Log in');
  await sees(bob, 'In a call with Alice Archer');
  await press(alice, 'End');
  for (const page of [alice, bob]) await sees(page, 'Call ended');
  await close(alice, bob);
});

test('a call of the example is declined, and another one cancelled', async () => {
  const [alice, bob] = [await logIn('Alice Archer'), await logIn('Bob Baker')];
  await press(alice, 'Call Bob Baker');
  await sees(bob, 'Alice Archer calls');
  await press(bob, 'Decline');
  await sees(alice, 'Call declined');
  await press(bob, 'Call Alice Archer');
  await sees(alice, 'Bob Baker calls');
  await press(bob, 'End');
  await sees(alice, 'Call ended');
  await close(alice, bob);
});

test('the example shows an error of the server', async () => {
  const alice = await logIn('Alice Archer');
  await press(alice, 'Call Carol Chen');
  await sees(alice, 'User carol not found');
  assert.deepEqual(await faultsOf(alice), []);
  await close(alice);
});
