// The console in a real browser, against a real server: what two people do, and what becomes of it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { PATIENCE, Window, startBrowser } from './support/browser.js';
import { Server } from './support/server.js';

let browser;
let server;
let expiring;

before(async () => {
  [browser, server] = await Promise.all([startBrowser(), new Server().start()]);
  expiring = await Expiring.begin();
});

/** Tokens that expire. Beyond its end a token is good for 30 s more, which pass while the other tests run. */
class Expiring {
  static async begin() {
    const server = await new Server().start();
    const [renewed, left] = await Promise.all([
      Window.open(browser, server.console('?user=alice&ttl=4')),
      Window.open(browser, server.console('?user=bob&session=phone-1&ttl=1&renew=no')),
    ]);
    await Promise.all([renewed.phone().isOnline(), left.phone().isOnline()]);
    return Object.assign(new Expiring(), { server, renewed, left });
  }
}

after(async () => {
  await browser?.close();
  await Promise.all([server?.end(), expiring?.server.end()]);
});

/** Windows of these users, each with its own session, on `on`; they are closed after `scene`. */
async function withWindows(users, scene, on = server) {
  const windows = await Promise.all(users.map((user) => Window.open(browser, on.console(`?user=${user}`))));
  const phones = windows.map((window) => window.phone());
  try {
    await Promise.all(phones.map((phone) => phone.isOnline()));
    await scene(...phones, windows);
  } finally {
    await Promise.all(windows.map((window) => window.context.close()));
  }
  for (const window of windows) assert.deepEqual(window.complaints, []);
}

/** Ends the call between the two, so that the next test finds them free. */
async function hangUp(one, other) {
  await one.do('hang-up');
  await Promise.all([one.hearsOfTheEnd(), other.hearsOfTheEnd()]);
}

async function hangUpAlone(one) {
  await one.do('hang-up');
  await one.hearsOfTheEnd();
}

async function answer(caller, callee, kind = 'Video') {
  await caller.call('Bob', kind);
  await callee.sees('incoming');
  await callee.do('accept');
  await Promise.all([caller.isActive(), callee.isActive()]);
}

describe('a call', () => {
  test('by video shows each the pictures of the other, and its end to both', () =>
    withWindows(['alice', 'bob'], async (alice, bob) => {
      await answer(alice, bob);
      await Promise.all([alice.decodes(30), bob.decodes(30)]);
      await alice.do('hang-up');
      assert.match(await alice.hearsOfTheEnd(), /^Call with Bob ended after 0:\d\d$/);
      assert.match(await bob.hearsOfTheEnd(), /^Call with Alice ended after 0:\d\d$/);
      await bob.tab('history');
      await bob.pane.locator('.entry').filter({ hasText: 'Completed' }).first().waitFor();
    }));

  test('by voice becomes active without a picture', () =>
    withWindows(['alice', 'bob'], async (alice, bob) => {
      await answer(alice, bob, 'Audio');
      assert.equal(await alice.pane.locator('video.mine').count(), 0);
      await hangUp(bob, alice);
    }));

  test('that is rejected tells the caller why', () =>
    withWindows(['alice', 'bob'], async (alice, bob) => {
      for (const reason of ['declined', 'busy', 'unavailable']) {
        await alice.call('Bob');
        await bob.sees('incoming');
        await bob.do(`reject-${reason}`);
        assert.equal(await alice.hearsOfTheEnd(), `Bob rejected the call: ${reason}`);
        assert.equal(await bob.hearsOfTheEnd(), 'You rejected the call from Alice');
      }
    }));

  test('that is cancelled stops ringing and counts as missed', () =>
    withWindows(['alice', 'bob'], async (alice, bob) => {
      await bob.tab('history');
      await bob.tab('people');
      await alice.call('Bob');
      await bob.sees('incoming');
      await alice.do('cancel');
      assert.equal(await alice.hearsOfTheEnd(), 'You cancelled');
      assert.equal(await bob.hearsOfTheEnd(), 'Alice cancelled');
      assert.equal(await bob.pane.locator('.badge').textContent(), '1');
      await bob.tab('history');
      await bob.pane.locator('.badge').waitFor({ state: 'detached' });
    }));

  test('that is answered in one window stops ringing in the other', () =>
    withWindows(['alice', 'bob', 'bob'], async (alice, bob, otherBob) => {
      await alice.call('Bob');
      await Promise.all([bob.sees('incoming'), otherBob.sees('incoming')]);
      await bob.do('accept');
      assert.equal(await otherBob.hearsOfTheEnd(), 'Answered on another of your devices');
      await Promise.all([alice.isActive(), bob.isActive()]);
      await Promise.all([alice.decodes(5), bob.decodes(5)]);
      // A window that comes later is told, and can end it.
      await otherBob.page.reload();
      await otherBob.sees('elsewhere');
      await otherBob.pane.getByRole('button', { name: 'End that call' }).click();
      await Promise.all([alice.hearsOfTheEnd(), bob.hearsOfTheEnd()]);
    }));

  test('that comes in is heard, shown in the title and notified of', () =>
    withWindows(['alice', 'bob'], async (alice, bob) => {
      await bob.pane.click({ position: { x: 5, y: 5 } });
      await bob.page.evaluate(() => {
        globalThis.heard = [];
        const { OscillatorNode } = globalThis;
        globalThis.OscillatorNode = class extends OscillatorNode {
          constructor(...how) {
            super(...how);
            globalThis.heard.push('a tone');
          }
        };
        document.hasFocus = () => false;
        globalThis.Notification = class {
          static permission = 'granted';
          constructor(text) {
            globalThis.heard.push(text);
          }
          close() {
            globalThis.heard.push('closed');
          }
        };
      });
      await alice.call('Bob');
      await bob.page.waitForFunction(() => document.title === '☎ Video call from Alice');
      await alice.do('cancel');
      await bob.hearsOfTheEnd();
      assert.equal(await bob.page.title(), 'Chattrix Calls console');
      const heard = await bob.page.evaluate(() => globalThis.heard);
      assert.ok(heard.includes('a tone') && heard.includes('Video call from Alice'), heard.join(', '));
      assert.equal(heard.at(-1), 'closed');
    }));

  test('looks for another way after the network was away', () =>
    withWindows(['alice', 'bob'], async (alice, bob, windows) => {
      await answer(alice, bob);
      await bob.decodes(5);
      assert.deepEqual(windows[1].signalsSent('offer'), []);
      await bob.page.context().setOffline(true);
      await bob.page.context().setOffline(false);
      await bob.isOnline();
      const deadline = Date.now() + PATIENCE;
      while (windows[1].signalsSent('offer').length === 0) {
        assert.ok(Date.now() < deadline, 'no new way was looked for');
        await bob.page.waitForTimeout(200);
      }
      await Promise.all([alice.decodes(10), bob.decodes(10)]);
      await hangUp(alice, bob);
    }));

  test('that ends while the network is away is over within 2 s of its return', () =>
    withWindows(['alice', 'bob'], async (alice, bob) => {
      await answer(alice, bob);
      // Chromium reports an open WebSocket as open while it is offline.
      await bob.page.context().setOffline(true);
      await bob.pane.locator('[data-connection=reconnecting]').waitFor();
      assert.match(await bob.pane.locator('[data-connection]').textContent(), /^Reconnecting/);
      await alice.do('hang-up');
      await alice.hearsOfTheEnd();
      await bob.page.context().setOffline(false);
      await bob.pane.locator('[data-state=over]').waitFor({ timeout: 2_000 });
      assert.match(await bob.hearsOfTheEnd(), /^Call with Alice ended after 0:\d\d$/);
      await bob.isOnline();
    }));

  test('that is answered while the network of the caller is away talks within 2 s of its return', () =>
    withWindows(['alice', 'bob'], async (alice, bob) => {
      await alice.call('Bob');
      await bob.sees('incoming');
      await alice.page.context().setOffline(true);
      await alice.pane.locator('[data-connection=reconnecting]').waitFor();
      await bob.do('accept');
      await bob.isTalking();
      await alice.page.context().setOffline(false);
      await alice.pane.locator('[data-state=talking]').waitFor({ timeout: 2_000 });
      await Promise.all([alice.isActive(), bob.isActive()]);
      await hangUp(alice, bob);
    }));

  test('goes on after one of the pages is loaded anew', () =>
    withWindows(['alice', 'bob'], async (alice, bob) => {
      await answer(alice, bob);
      for (const one of [alice, bob]) {
        await one.page.reload();
        await one.isActive();
        await Promise.all([alice.decodes(10), bob.decodes(10)]);
      }
      await hangUp(alice, bob);
    }));

  test('warns of the network of the other', () =>
    withWindows(['alice', 'bob'], async (alice, bob) => {
      await answer(alice, bob);
      await alice.pane.locator('.pretend select').selectOption('BAD');
      const warning = bob.pane.locator('.warning-over');
      await warning.waitFor();
      assert.equal(await warning.textContent(), 'The network of Alice is bad');
      await hangUp(alice, bob);
    }));
});

test('a call that nobody answers is over for both when its time is', async () => {
  const impatient = await new Server({ ring_timeout: '3s' }).start();
  try {
    await withWindows(['alice', 'bob'], async (alice, bob) => {
      await alice.call('Bob');
      await bob.sees('incoming');
      assert.equal(await alice.hearsOfTheEnd(), 'Bob did not answer');
      assert.equal(await bob.hearsOfTheEnd(), 'Missed call from Alice');
    }, impatient);
  } finally {
    await impatient.end();
  }
});

test('a call outlives a restart of the server, and the page says what is', async () => {
  const restarting = await new Server().start();
  try {
    await withWindows(['alice', 'bob'], async (alice, bob) => {
      await answer(alice, bob);
      await restarting.stop();
      await Promise.all([alice, bob].map((one) => one.pane.locator('[data-connection=reconnecting]').waitFor()));
      // The media needs no server.
      await Promise.all([alice.decodes(10), bob.decodes(10)]);
      await restarting.start();
      await Promise.all([alice.isOnline(), bob.isOnline()]);
      await Promise.all([alice.isActive(), bob.isActive()]);
      await hangUp(alice, bob);

      // What ends while the page is away is found when it is back.
      await answer(alice, bob);
      await bob.page.context().setOffline(true);
      await alice.do('hang-up');
      await alice.hearsOfTheEnd();
      await bob.page.context().setOffline(false);
      await bob.hearsOfTheEnd();
    }, restarting);
  } finally {
    await restarting.end();
  }
});

describe('a session', () => {
  test('whose token expires is renewed with --dev, and else says so and takes a new one', async () => {
    const { renewed, left } = expiring;
    const [alice, bob] = [renewed.phone(), left.phone()];
    await bob.pane.locator('[data-connection=expired]').waitFor({ timeout: 60_000 });
    assert.match(await bob.pane.locator('.trouble').textContent(), /expired/);
    await bob.pane.locator('.trouble input').fill(expiring.server.token('bob'));
    await bob.pane.locator('.trouble button').click();
    await bob.isOnline();
    await alice.isOnline();
    await Promise.all([renewed.close(), left.close()]);
  });

  test('of a pasted token is the one of its user', async () => {
    const window = await Window.open(browser, server.console('?panes=1'));
    await window.page.getByText('Use a token').click();
    await window.page.getByLabel('Token').fill(server.token('bob'));
    await window.page.getByRole('button', { name: 'Sign in' }).click();
    const bob = window.phone();
    await bob.isOnline();
    assert.equal(await bob.pane.getByRole('heading', { name: 'Bob' }).count(), 1);
    await window.close();
  });
});

test('a callee who comes while it rings is rung, and one who answers at once is heard', async () => {
  const window = await Window.open(browser, server.console('?user=alice'));
  const alice = window.phone();
  await alice.isOnline();
  await alice.call('Bob');
  await alice.pane.getByText('Not connected yet').waitFor();
  const listening = server.listen('bob');
  try {
    await alice.isTalking();
    await hangUpAlone(alice);
    // From now on the answer comes as fast as it can.
    await alice.pane.getByRole('button', { name: 'Call again' }).click();
    await alice.isTalking();
    await hangUpAlone(alice);
  } finally {
    listening.kill();
  }
  await window.close();
});

test('one person alone can try it, keyboard only, with somebody who answers by itself', async () => {
  const window = await Window.open(browser, server.console('?user=alice'));
  const alice = window.phone();
  await alice.isOnline();
  await alice.pane.getByRole('button', { name: 'Let Bob answer automatically' }).focus();
  await window.page.keyboard.press('Enter');
  await alice.pane.locator('.person', { hasText: 'automatic' }).waitFor();
  await alice.pane.locator('.presence.is-online').waitFor();
  await alice.pane.getByRole('button', { name: 'Video call to Bob' }).focus();
  await window.page.keyboard.press('Enter');
  await alice.isActive();
  await alice.decodes(30);
  await alice.pane.getByRole('button', { name: 'Hang up' }).focus();
  await window.page.keyboard.press('Enter');
  await alice.hearsOfTheEnd();
  await window.close();
});

test('without --dev two people call each other with tokens that they bring', async () => {
  const deployed = new Server({ console: 'true', jwt_secret: 'a secret of the tests, 32 bytes or more' }, { isDevelopment: false });
  deployed.command('user', 'add', 'alice', '--name', 'Alice');
  deployed.command('user', 'add', 'bob', '--name', 'Bob');
  await deployed.start();
  try {
    const windows = await Promise.all(['alice', 'bob'].map(async (user) => {
      const window = await Window.open(browser, deployed.console());
      assert.equal(await window.page.locator('.face').count(), 0);
      await window.page.getByLabel('Token').fill(deployed.token(user));
      await window.page.getByRole('button', { name: 'Sign in' }).click();
      await window.phone().isOnline();
      return window;
    }));
    const [alice, bob] = windows.map((window) => window.phone());
    await alice.pane.getByLabel('Call by user ID').fill('bob');
    await alice.pane.locator('.by-id').getByRole('button', { name: 'Video' }).click();
    await bob.sees('incoming');
    await bob.do('accept');
    await Promise.all([alice.isActive(), bob.isActive()]);
    await Promise.all([alice.decodes(5), bob.decodes(5)]);
    await hangUp(alice, bob);
    await Promise.all(windows.map((window) => window.close()));
  } finally {
    await deployed.end();
  }
});

test('developers see what goes over the wire, and what comes of the awkward cases', async () => {
  const window = await Window.open(browser, server.console());
  const { page } = window;
  const [left, right] = [window.phone('left'), window.phone('right')];
  await left.signIn('alice');
  await right.signIn('bob');
  await answer(left, right);
  await hangUp(left, right);
  await right.tab('history');
  await right.pane.locator('.entry').first().waitFor();
  await page.locator('#developer > summary').click();
  await page.locator('.awkward select').selectOption({ label: 'Bob' });
  const told = (text) => page.locator('.has-failed').filter({ hasText: text });
  for (const [button, errorType] of [
    ['accept-twice', 'invalid_status'], ['end-after-end', 'invalid_status'], ['malformed', 'parse_error'],
    ['unknown-type', 'parse_error'], ['unknown-call', 'call_not_found'],
  ]) {
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.locator(`[data-awkward=${button}]`).click();
    await told('call_error').first().locator('summary').click();
    await page.locator('.log-body pre').filter({ hasText: errorType }).waitFor();
  }
  for (const button of ['call-oneself', 'empty-body']) {
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.locator(`[data-awkward=${button}]`).click();
    await told('400').first().waitFor();
  }
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await told('400').first().locator('summary').click();
  await page.getByRole('button', { name: 'Copy as curl' }).click();
  const curl = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(curl, /^curl -sS -X POST 'http:.*initiate' [^]*Bearer \$TOKEN/);
  assert.doesNotMatch(curl, /eyJ/);
  await page.getByLabel('Filter').fill('no-such-text');
  await page.getByText('No entries.').waitFor();
  await window.close();
});

test('of several nodes it shows the one that the socket is connected to', async () => {
  const window = await Window.open(browser, server.console('?user=alice'));
  const { page } = window;
  const state = page.locator('[data-connection=online]');
  await state.waitFor();
  assert.doesNotMatch(await state.textContent(), /node/);
  await page.route('**/console/configuration', async (route) => {
    const response = await route.fetch();
    const { data, ...rest } = await response.json();
    await route.fulfill({ json: { ...rest, data: { ...data, hasNodes: true } } });
  });
  await page.route('**/console/node', (route) => {
    assert.match(route.request().headers().authorization, /^Bearer eyJ/);
    return route.fulfill({ json: { success: true, message: '', data: { name: 'node-2' } } });
  });
  await page.reload();
  await state.filter({ hasText: 'Online · node node-2' }).waitFor();
  await window.close();
});

test('it speaks Vietnamese', async () => {
  const window = await Window.open(browser, server.console('?panes=1'), { language: 'vi-VN' });
  await window.page.getByRole('heading', { name: 'Ai đang dùng máy này?' }).waitFor();
  await window.page.locator('.language select').selectOption('en');
  await window.page.getByRole('heading', { name: 'Who uses this phone?' }).waitFor();
  await window.close();
});
