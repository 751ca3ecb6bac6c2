// How the console looks: its main states, light, dark and on a phone, free of serious faults for who cannot see them
// or uses no mouse. The pictures are kept for people to look at.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { Window, faultsOf, startBrowser } from './support/browser.js';
import { Server } from './support/server.js';

const PICTURES = process.env.BROWSER_TEST_PICTURES ?? join(import.meta.dirname, 'pictures');

let browser;
let server;

before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  browser = await startBrowser();
});

after(() => browser?.close());

// A server each: in the pictures are the calls of one test alone.
beforeEach(async () => {
  server = await new Server().start();
});

afterEach(() => server?.end());

/** Takes a picture, and asks axe what is wrong. */
async function look({ page }, name, { fullPage = false } = {}) {
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage });
  assert.deepEqual(await faultsOf(page), [], name);
}

for (const { name, theme, viewport } of [
  { name: 'light', theme: 'light', viewport: { width: 1280, height: 860 } },
  { name: 'dark', theme: 'dark', viewport: { width: 1280, height: 860 } },
]) {
  test(`two people on one page, ${name}`, async () => {
    const window = await Window.open(browser, server.console('?drawn'), { theme, viewport });
    const [alice, bob] = [window.phone('left'), window.phone('right')];
    await look(window, `${name}-1-sign-in`);
    await alice.signIn('alice');
    await bob.signIn('bob');
    await alice.pane.getByRole('button', { name: 'Call Bob' }).waitFor();
    await look(window, `${name}-2-people`);
    await alice.pane.getByRole('button', { name: 'Call Bob' }).click();
    await bob.sees('incoming');
    await look(window, `${name}-3-ringing`);
    await bob.do('accept');
    await Promise.all([alice.isActive(), bob.isActive()]);
    // Long enough for a graph to be seen.
    await Promise.all([alice.decodes(name === 'light' ? 160 : 30), bob.decodes(30)]);
    await look(window, `${name}-4-talking`);
    await alice.do('hang-up');
    await bob.hearsOfTheEnd();
    await alice.tab('history');
    await bob.tab('statistics');
    await window.page.locator('#developer > summary').click();
    await window.page.locator('[data-awkward=unknown-call]').click();
    await window.page.locator('.has-failed summary').first().click();
    await window.page.locator('.log-body pre').first().scrollIntoViewIfNeeded();
    await look(window, `${name}-5-developers`, { fullPage: true });
    // Deleting is apart from calling.
    await alice.pane.getByRole('heading', { name: 'today' }).waitFor();
    await alice.pane.getByRole('button', { name: 'Edit' }).click();
    assert.equal(await alice.pane.locator('.entry').getByRole('button', { name: 'call to' }).count(), 0);
    await alice.pane.getByRole('button', { name: 'Delete from the history' }).click();
    await alice.pane.getByText('No calls yet.').waitFor();
    await window.close();
  });
}

test('on a phone', async () => {
  const viewport = { width: 390, height: 844 };
  const small = await Window.open(browser, server.console('?user=alice&drawn'), { viewport, theme: 'dark' });
  const other = await Window.open(browser, server.console('?user=bob&drawn'), { viewport });
  const [alice, bob] = [small.phone(), other.phone()];
  await Promise.all([alice.isOnline(), bob.isOnline()]);
  await look(small, 'phone-1-people');
  await bob.call('Alice');
  await alice.sees('incoming');
  await look(small, 'phone-2-ringing');
  await alice.do('accept');
  await Promise.all([alice.isActive(), bob.isActive()]);
  await alice.decodes(30);
  await look(small, 'phone-3-talking');
  // All that a call needs is on the screen, also on a small one, and nothing else is.
  await small.page.setViewportSize({ width: 375, height: 667 });
  for (const reached of ['[data-do=hang-up]', '.caption', '.level', '.pretend select']) {
    const { y, height } = await alice.pane.locator(reached).boundingBox();
    assert.ok(y >= 0 && y + height <= 667, `${reached} is at ${y}`);
  }
  assert.equal(await alice.pane.getByRole('button', { name: /call to|Sign out/ }).count(), 0);
  await small.page.setViewportSize(viewport);
  const width = await small.page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= viewport.width, `it is ${width} wide`);
  await alice.do('hang-up');
  await bob.hearsOfTheEnd();
  await small.page.locator('#developer > summary').click();
  await look(small, 'phone-4-developers', { fullPage: true });
  await Promise.all([small.close(), other.close()]);
});
