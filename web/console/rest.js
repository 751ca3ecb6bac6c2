// REST client with the token of one user.

import { BASE } from './server.js';

/** Error response. */
export class Refusal extends Error {
  constructor(status, answer) {
    super(answer?.message ?? `HTTP ${status}`);
    this.status = status;
    this.errorType = answer?.errorType ?? 'service_error';
  }
}

export class Rest {
  constructor(log, who, token) {
    this.log = log;
    this.who = who;
    this.token = token;
  }

  /** Sends a request and returns `data`. Throws a `Refusal` for an error response, a TypeError without a response. */
  async ask(method, path, body, { key } = {}) {
    const url = new URL(`api/${path}`, BASE).href;
    const headers = { Authorization: `Bearer ${this.token()}` };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (key) headers['Idempotency-Key'] = key;
    const entry = this.log.add({
      who: this.who, via: 'REST', direction: 'out', title: `${method} ${path.split('?')[0]}`, method, url, body, key,
    });
    const asked = performance.now();
    let response;
    try {
      response = await fetch(url, {
        method, headers, body: typeof body === 'string' ? body : body && JSON.stringify(body),
      });
    } catch (error) {
      this.log.answered(entry, 0, { message: error.message }, performance.now() - asked);
      throw error;
    }
    const answer = await response.json().catch(() => null);
    this.log.answered(entry, response.status, answer, performance.now() - asked);
    if (!response.ok) throw new Refusal(response.status, answer);
    return answer.data;
  }

  get = (path) => this.ask('GET', path);
  post = (path, body, more) => this.ask('POST', path, body, more);
  patch = (path, body) => this.ask('PATCH', path, body);
  delete = (path) => this.ask('DELETE', path);
}
