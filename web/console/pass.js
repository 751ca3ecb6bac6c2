// A person's token: whose it is, and a new one before it expires, where this page can get one.

import { claimsOf, seededToken } from './server.js';

/** How long before its end a token is renewed, in milliseconds; one that lasts less, at half its time. */
const RENEW = 60_000;
/** Not more often than that, in milliseconds. */
const SELDOM = 500;

export class Pass {
  /**
   * `credentials` is `{token, userId, name, sessionId, ttlSeconds, renewable}`, the last where the server gives out tokens
   * (`--dev`). `renewed(token)` is called with each new token.
   */
  constructor(credentials, renewed) {
    Object.assign(this, { credentials, renewed });
  }

  get token() {
    return this.credentials.token;
  }

  get isRenewable() {
    return Boolean(this.credentials.renewable);
  }

  /** Renews the token in time, from now on. */
  watch() {
    clearTimeout(this.timer);
    const { exp } = claimsOf(this.token);
    if (!this.isRenewable || !exp) return;
    const left = exp * 1000 - Date.now();
    // A server that is down is asked again when the socket finds it.
    this.timer = setTimeout(() => this.fetch().catch(() => {}), Math.max(left - Math.min(RENEW, left / 2), SELDOM));
  }

  stop() {
    clearTimeout(this.timer);
  }

  /** Gets a new token for the same session. */
  async fetch() {
    const { userId, sessionId, ttlSeconds } = this.credentials;
    const { token } = await seededToken(userId, sessionId, ttlSeconds);
    this.replace(token);
  }

  /** Takes a new token of the same user; false where it is none. */
  replace(token) {
    try {
      if (claimsOf(token).sub !== this.credentials.userId) return false;
    } catch {
      return false;
    }
    this.credentials = { ...this.credentials, token };
    this.watch();
    this.renewed(token);
    return true;
  }
}
