// A real browser, with a camera and a microphone that are made up, and what people do in it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** How long anything may take that a person would wait for, on a busy machine. */
export const PATIENCE = 30_000;

export async function startBrowser() {
  const executablePath = process.env.CHROMIUM;
  if (!executablePath) throw new Error('CHROMIUM names no browser: run scripts/test-browser');
  return chromium.launch({
    executablePath,
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
      '--autoplay-policy=no-user-gesture-required',
      // Two windows of one machine find each other by its address; its name would need a network.
      '--disable-features=WebRtcHideLocalIpsWithMdns',
    ],
  });
}

/** What axe finds wrong on `page`, of these impacts. */
export async function faultsOf(page, impacts = ['serious', 'critical']) {
  // Through the debugger, past the page's policy, which lets it evaluate nothing.
  await page.evaluate(AXE);
  return page.evaluate(async (impacts) => {
    const { violations } = await globalThis.axe.run();
    const counted = violations.filter(({ impact }) => impacts.includes(impact));
    return counted.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join('; ')}`);
  }, impacts);
}

/** A window of the console. Whatever the page complains of, and every breach of its policy, is kept. */
export class Window {
  static async open(browser, address, { viewport = { width: 1280, height: 860 }, theme = 'light', language = 'en-GB' } = {}) {
    const context = await browser.newContext({
      viewport, colorScheme: theme, locale: language, permissions: ['camera', 'microphone'], reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const window = new Window(context, page);
    await page.exposeFunction('tellOfBreach', (text) => window.complaints.push(text));
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => globalThis.tellOfBreach(`${event.violatedDirective} ${event.blockedURI}`));
    });
    page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => window.sent.push(payload)));
    page.on('pageerror', (error) => window.complaints.push(error.stack));
    page.on('console', (message) => {
      // That a server is down is in the browser's log, and nothing that the page could help.
      const isNetwork = /ERR_CONNECTION_REFUSED|Failed to load resource|WebSocket connection to/.test(message.text());
      if (['error', 'warning'].includes(message.type()) && !isNetwork) window.complaints.push(message.text());
    });
    await page.goto(address);
    await page.locator('.pane').first().waitFor();
    return window;
  }

  complaints = [];
  sent = [];

  constructor(context, page) {
    this.context = context;
    this.page = page;
  }

  /** One of the phones on the page. */
  phone(pane = 'left') {
    return new Phone(this.page, this.page.locator(`[data-pane=${pane}]`));
  }

  /** The signals with a description of that type which the page has sent so far. */
  signalsSent(type) {
    return this.sent.filter((text) => text.includes('"call.signal"') && text.includes(`"description":{"type":"${type}"`));
  }

  /** Closes it; it must have had nothing to complain of. */
  async close() {
    await this.context.close();
    assert.deepEqual(this.complaints, []);
  }
}

export class Phone {
  constructor(page, pane) {
    this.page = page;
    this.pane = pane;
  }

  async signIn(user) {
    await this.pane.locator(`.face[data-user=${user}]`).click();
    await this.isOnline();
  }

  isOnline() {
    return this.pane.locator('[data-connection=online]').waitFor();
  }

  async call(name, kind = 'Video') {
    await this.pane.getByRole('button', { name: `${kind} call to ${name}` }).first().click();
    await this.sees('outgoing');
  }

  /** Waits until the call is in that state: incoming, outgoing, talking, over, elsewhere. */
  sees(state) {
    return this.pane.locator(`[data-state=${state}]`).waitFor();
  }

  /** Waits until the call is answered; with media or without. */
  isTalking() {
    return this.sees('talking');
  }

  isActive() {
    return this.pane.locator('[data-status=ACTIVE]').waitFor();
  }

  do(what) {
    return this.pane.locator(`[data-do=${what}]`).click();
  }

  /** Waits until the call is over, and says how it is told. */
  async hearsOfTheEnd() {
    await this.sees('over');
    return (await this.pane.locator('[data-state=over] p').textContent()).trim();
  }

  /** Waits until so many pictures of the other were decoded, from now on. */
  async decodes(count) {
    const shown = this.pane.locator('[data-decoded]');
    const decoded = async () => Number(await shown.getAttribute('data-decoded'));
    const before = await decoded();
    const deadline = Date.now() + PATIENCE;
    while ((await decoded()) < before + count) {
      assert.ok(Date.now() < deadline, `${(await decoded()) - before} of ${count} pictures were decoded`);
      await this.page.waitForTimeout(300);
    }
  }

  tab(name) {
    return this.pane.locator(`[data-tab=${name}]`).click();
  }
}
