// The page of the interface's documents: what is read on a wide screen and a phone, found by the filter, and free of
// faults for who cannot see it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { faultsOf, startBrowser } from './support/browser.js';
import { Server } from './support/server.js';

let browser;
let server;

before(async () => {
  browser = await startBrowser();
  server = await new Server().start();
});

after(async () => {
  await browser?.close();
  await server?.end();
});

async function open(options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  await page.goto(server.docs());
  await page.locator('main:not([aria-busy])').waitFor();
  return { context, page, complaints };
}

for (const { name, theme, width } of [
  { name: 'a wide screen', theme: 'light', width: 1280 },
  { name: 'a phone', theme: 'dark', width: 390 },
]) {
  test(`the documents can be read on ${name}`, async () => {
    const { context, page, complaints } = await open({ colorScheme: theme, viewport: { width, height: 844 } });
    await page.getByRole('heading', { name: 'Initiate a call' }).waitFor();
    await page.locator('article#initiateCall').getByText('Try it').click();
    const needed = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(needed <= width, `it is ${needed} wide`);
    assert.deepEqual(await faultsOf(page, ['moderate', 'serious', 'critical']), []);
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

test('the search leaves what has the words, and says so where nothing has them', async () => {
  const { context, page } = await open({});
  const filter = page.getByLabel('Search');
  const link = (name) => page.locator('#links').getByRole('link', { name });
  await filter.fill('networkQuality');
  await link('Report the quality of a call').waitFor();
  assert.equal(await link('List who is online').count(), 0);
  assert.equal(await page.getByRole('heading', { name: 'List who is online' }).count(), 0);
  await filter.fill('calleeConnected webhook-id');
  await link('call.initiated').waitFor();
  await filter.press('Enter');
  await page.waitForURL(/#onCallInitiated$/);
  await filter.fill('such nowhere-found');
  await page.getByText('No match for “such nowhere-found”.').waitFor();
  assert.equal(await link(/./).count(), 0);
  await filter.fill('');
  await link('List who is online').waitFor();
  assert.equal(await page.getByRole('status').textContent(), '');
  await context.close();
});

test('in dev mode requests are sent from the page, as a user and as the backend', async () => {
  const { context, page, complaints } = await open({});
  const route = (id) => page.locator(`article#${id} .try`);
  const send = async (id, fields = {}) => {
    await route(id).getByText('Try it').click();
    for (const [label, value] of Object.entries(fields)) await route(id).getByLabel(label, { exact: true }).fill(value);
    await route(id).getByRole('button', { name: 'Send' }).click();
    await route(id).locator('.status').waitFor();
    return [await route(id).locator('.status').textContent(), JSON.parse(await route(id).locator('.result pre').textContent())];
  };
  const body = JSON.stringify({ calleeId: 'bob', callType: 'AUDIO', channelId: 'tried' });
  const [status, initiated] = await send('initiateCall', { Body: body });
  assert.deepEqual([status, initiated.data.callerId], ['201', 'alice']);
  const [, shown] = await send('getCall', { callId: initiated.data.id });
  assert.equal(shown.data.channelId, 'tried');
  const [, listed] = await send('listCalls', { live: 'true' });
  assert.equal(listed.data.items[0].id, initiated.data.id);
  assert.deepEqual(complaints, []);
  await context.close();
});
