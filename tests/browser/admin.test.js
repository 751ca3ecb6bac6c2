// The status page in a real browser: in dev mode without a key, else with one that is typed in.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Window, faultsOf, startBrowser } from './support/browser.js';
import { Server } from './support/server.js';

const PICTURES = process.env.BROWSER_TEST_PICTURES ?? join(import.meta.dirname, 'pictures');

let browser;

before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  browser = await startBrowser();
});

after(() => browser?.close());

async function look({ page }, name) {
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
  assert.deepEqual(await faultsOf(page), [], name);
}

/** Clicks the button of `row` twice: the second click confirms. */
async function confirm(row, label, question) {
  await row.getByRole('button', { name: label }).click();
  await row.getByRole('button', { name: question }).click();
}

test('in dev mode it shows calls and sessions, ends a call and disconnects a session', async () => {
  const server = await new Server().start();
  const listening = server.listen('bob');
  try {
    const alice = await Window.open(browser, server.console('?user=alice&drawn'));
    await alice.phone().isOnline();
    await alice.phone().pane.locator('.person[data-user=bob] .presence.is-online').waitFor();
    await alice.page.getByRole('button', { name: 'Video call to Bob' }).click();
    await alice.phone().isTalking();

    const window = await Window.open(browser, server.admin());
    const { page } = window;
    const call = page.locator('[data-call]');
    await call.filter({ hasText: 'alice → bob' }).waitFor();
    assert.equal(await page.locator('[data-tile=live-calls] strong').textContent(), '1');
    await page.getByRole('img', { name: /^Live calls: 1 now/ }).waitFor();
    assert.equal(await page.locator('[data-session]').count(), 2);
    await look(window, 'admin-light');
    await page.setViewportSize({ width: 390, height: 844 });
    await page.getByRole('button', { name: 'Dark' }).click();
    await look(window, 'admin-phone');
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 390, `it is ${width} wide`);

    await confirm(call, 'End', 'End now');
    await alice.phone().hearsOfTheEnd();
    await page.getByText('No call is live.').waitFor();
    await page.getByLabel('User ID contains').fill('ali');
    const session = page.locator('[data-session]');
    await session.filter({ hasText: 'bob' }).waitFor({ state: 'detached' });
    await confirm(session, 'Disconnect', 'Disconnect now');
    await alice.page.locator('[data-connection=online]').waitFor({ state: 'detached' });
    await Promise.all([alice.close(), window.close()]);
  } finally {
    listening.kill();
    await server.end();
  }
});

test('elsewhere it needs an API key, and shows what the key may see', async () => {
  const deployed = new Server({ admin_page: 'true', jwt_secret: 'a secret of the tests, 32 bytes or more' }, { isDevelopment: false });
  await deployed.start();
  try {
    const window = await Window.open(browser, deployed.admin());
    const { page } = window;
    const signIn = async (key) => {
      await page.locator('input[name=key]').fill(key);
      await page.getByRole('button', { name: 'Sign in' }).click();
    };
    await signIn('cxk_wrong');
    await page.getByRole('alert').waitFor();
    const key = deployed.command('apikey', 'create', 'watcher', '--scope', 'status,sessions');
    await signIn(key);
    await page.locator('[data-card=sessions]').getByText('No user is connected.').waitFor();
    await page.locator('[data-card=calls]').getByText('scope').waitFor();
    await page.reload();
    await page.locator('[data-card=sessions]').waitFor();
    // A revoked key leads back to the form, and is gone from the tab.
    deployed.command('apikey', 'revoke', 'watcher');
    await page.getByRole('alert').filter({ hasText: 'revoked' }).waitFor();
    assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }).includes('cxk_')), false);
    await window.close();
  } finally {
    await deployed.end();
  }
});
