// Log of requests and messages in both directions, for developers.

import { Store } from './store.js';

/** Maximum number of entries: some minutes of a busy call. */
const KEPT = 600;

/** Routine entries, which would hide the others. */
const ROUTINE = [
  'heartbeat',
  'heartbeat.ack',
  'call.quality',
  'GET v1/users/status/online',
];

export class Log extends Store {
  entries = [];
  #next = 1;

  /**
   * Adds `{who, via: 'REST'|'WS', direction: 'out'|'in', title, body?, status?, method?, url?}` and returns the
   * entry, to which `answered` adds the response.
   */
  add(entry) {
    const whole = { id: this.#next++, at: new Date(), ...entry };
    whole.isRoutine = ROUTINE.includes(whole.title);
    this.entries = [...this.entries.slice(1 - KEPT), whole];
    this.changed();
    return whole;
  }

  /** Adds the response to the request `entry`. */
  answered(entry, status, body, milliseconds) {
    this.entries = this.entries.map((one) =>
      one.id === entry.id ? { ...one, status, answer: body, milliseconds } : one,
    );
    this.changed();
  }

  clear() {
    this.entries = [];
    this.changed();
  }
}

/** Returns `entry` as a shell command that reads the token from TOKEN. The log never shows a token. */
export function asCurl(entry) {
  const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  if (entry.via === 'WS') {
    return `printf '%s\\n' ${quoted(JSON.stringify(entry.body))} | websocat "${entry.url}?token=$TOKEN"`;
  }
  const lines = [`curl -sS -X ${entry.method} ${quoted(entry.url)}`, '-H "Authorization: Bearer $TOKEN"'];
  if (entry.key) lines.push(`-H ${quoted(`Idempotency-Key: ${entry.key}`)}`);
  if (entry.body !== undefined) {
    lines.push(`-H 'Content-Type: application/json'`, `-d ${quoted(JSON.stringify(entry.body))}`);
  }
  return lines.join(' \\\n  ');
}

/** Returns `entry` as JSON. */
export function asJson(entry) {
  if (entry.via === 'WS') return JSON.stringify(entry.body, null, 2);
  const { method, url, body, status, answer } = entry;
  return JSON.stringify({ method, url, body, status, answer }, null, 2);
}
