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
    const needed = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(needed <= width, `it is ${needed} wide`);
    assert.deepEqual(await faultsOf(page, ['moderate', 'serious', 'critical']), []);
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

test('the filter leaves what has the word, and says so where nothing has it', async () => {
  const { context, page } = await open({});
  const filter = page.getByLabel('Filter');
  const link = (name) => page.locator('#links').getByRole('link', { name });
  await filter.fill('networkQuality');
  await link('Report the quality of a call').waitFor();
  assert.equal(await link('List who is online').count(), 0);
  await filter.fill('no such word');
  await page.getByText('No match for “no such word”.').waitFor();
  assert.equal(await link(/./).count(), 0);
  await filter.fill('');
  await link('List who is online').waitFor();
  assert.equal(await page.getByRole('status').textContent(), '');
  await context.close();
});
