// Token of a user, renewed before it expires if the server issues tokens to this page.

import { claimsOf, seededToken } from './server.js';

/** Milliseconds before expiry at which a token is renewed; a shorter token at half its lifetime. */
const RENEW = 60_000;
/** Minimum milliseconds between two renewals. */
const SELDOM = 500;

export class TokenHolder {
  /**
   * `credentials` is `{token, userId, name, sessionId, ttlSeconds, renewable}`; the last is set if the server issues
   * tokens (`--dev`). Calls `renewed(token)` with each new token.
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

  /** Schedules the renewal of the token. */
  watch() {
    clearTimeout(this.timer);
    const { exp } = claimsOf(this.token);
    if (!this.isRenewable || !exp) return;
    const left = exp * 1000 - Date.now();
    // If the server is down, the token is renewed after the reconnect.
    this.timer = setTimeout(() => this.fetch().catch(() => {}), Math.max(left - Math.min(RENEW, left / 2), SELDOM));
  }

  stop() {
    clearTimeout(this.timer);
  }

  /** Requests a new token for the same session. */
  async fetch() {
    const { userId, sessionId, ttlSeconds } = this.credentials;
    const { token } = await seededToken(userId, sessionId, ttlSeconds);
    this.replace(token);
  }

  /** Adopts a new token of the same user; returns false if it is not one. */
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
