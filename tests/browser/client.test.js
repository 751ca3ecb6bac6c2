// The client in TypeScript, as it is built, in pages of another origin than the server's.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';

import { Server, sign, within } from '../../clients/typescript/tests/server.mjs';
import { PATIENCE, startBrowser } from './support/browser.js';

const PACKAGE = join(import.meta.dirname, '../../clients/typescript/dist');
const MODULES = readdirSync(PACKAGE).filter((name) => name.endsWith('.js'));

let browser;
let pages;
let server;

before(async () => {
  pages = createServer(answer).listen(0, '127.0.0.1');
  await once(pages, 'listening');
  server = await Server.start({ CHATTRIX_ALLOWED_ORIGINS: origin('127.0.0.1') });
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  pages?.closeAllConnections();
  pages?.close();
  await server?.remove();
});

/** A page that has nothing, and the files of the package beside it. */
function answer({ url }, response) {
  const name = basename(url);
  const isModule = MODULES.includes(name);
  response.setHeader('content-type', isModule ? 'text/javascript' : 'text/html');
  response.end(isModule ? readFileSync(join(PACKAGE, name)) : '<!doctype html><link rel="icon" href="data:,"><title>An app</title>');
}

/** Where the pages are, by one of the two names of this machine: to a browser these are two origins. */
function origin(host) {
  return `http://${host}:${pages.address().port}`;
}

/** A page with a client of `user`, which keeps what it is told; it asks for tokens that last so many seconds, then for the last. */
async function open(user, { host = '127.0.0.1', lasting = [3600] } = {}) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  const session = randomUUID();
  const app = { page, complaints: [], asked: 0 };
  page.on('pageerror', (error) => app.complaints.push(error.stack));
  app.refreshed = new Promise((resolve) => {
    page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => payload.includes('"session.refreshed"') && resolve()));
  });
  await page.exposeFunction('tokenFromLogin', () => {
    const seconds = lasting[Math.min(app.asked++, lasting.length - 1)];
    return sign(user, session, seconds);
  });
  await page.goto(origin(host));
  await page.evaluate(async (url) => {
    const { Calls } = await import('/index.js');
    const timing = { backoffMs: 50, maxBackoffMs: 200 };
    const calls = new Calls({ url, token: () => globalThis.tokenFromLogin(), timing });
    const told = {};
    for (const name of ['invitation', 'accepted', 'ended', 'over', 'error', 'connected', 'disconnected']) {
      told[name] = [];
      calls.on(name, (event) => told[name].push(event));
    }
    Object.assign(globalThis, { calls, told });
    calls.connect();
  }, server.url);
  return app;
}

/** Waits until the page was told so many events of a name, and gives the last. */
async function hears({ page }, name, count = 1) {
  await page.waitForFunction(([name, count]) => globalThis.told[name].length >= count, [name, count]);
  return page.evaluate((name) => globalThis.told[name].at(-1), name);
}

/** Closes pages, which must have had nothing to complain of. */
async function close(...apps) {
  await Promise.all(apps.map(({ page }) => page.close()));
  for (const { complaints } of apps) assert.deepEqual(complaints, []);
}

test('a call between two pages is invited to, outlives a restart of the server, is accepted and ended', async () => {
  const [alice, bob] = await Promise.all([open('alice'), open('bob')]);
  await Promise.all([hears(alice, 'connected'), hears(bob, 'connected')]);
  const callId = await alice.page.evaluate(async () => {
    const call = await globalThis.calls.initiate({ calleeId: 'bob', callType: 'VIDEO', channelId: 'a-channel' });
    return call.id;
  });
  assert.equal((await hears(bob, 'invitation')).callId, callId);

  await server.stop();
  await server.startAgain();
  const [, { active }] = await Promise.all([hears(alice, 'connected', 2), hears(bob, 'connected', 2)]);
  assert.equal(active.id, callId);

  await bob.page.evaluate((callId) => globalThis.calls.accept(callId), callId);
  assert.equal((await hears(alice, 'accepted')).acceptedBy, 'bob');
  await alice.page.evaluate((callId) => globalThis.calls.end(callId, 7), callId);
  assert.deepEqual(await hears(bob, 'ended'), { callId, endedBy: 'alice', durationSeconds: 7 });
  for (const app of [alice, bob]) assert.deepEqual(await hears(app, 'over'), { callId, status: 'ENDED' });
  assert.equal(await bob.page.evaluate(() => globalThis.told.invitation.length), 1);
  await close(alice, bob);
});

test('a page renews its token on the socket, and stays connected', async () => {
  const alice = await open('alice', { lasting: [4, 3600] });
  await within(alice.refreshed, 'the later token to be taken');
  assert.equal(alice.asked, 2);
  assert.deepEqual(await alice.page.evaluate(() => [globalThis.told.disconnected, globalThis.told.error]), [[], []]);
  await close(alice);
});

test('a page of an origin that the server does not allow gets no connection', async () => {
  const stranger = await open('alice', { host: 'localhost' });
  await hears(stranger, 'disconnected', 2);
  assert.equal(await stranger.page.evaluate(() => globalThis.told.connected.length), 0);
  await close(stranger);
});

test('the package has nothing that only Node has', () => {
  assert.ok(MODULES.includes('index.js'));
  for (const name of MODULES) {
    const code = readFileSync(join(PACKAGE, name), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    for (const [, from] of code.matchAll(/\b(?:from|import)\s*\(?\s*["']([^"']+)["']/g)) assert.match(from, /^\.\//, name);
    assert.doesNotMatch(code, /\b(?:process|Buffer|require|global|__dirname|setImmediate)\s*[.([]|\bnode:/, name);
  }
});
