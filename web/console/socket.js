// WebSocket of one user: reconnects, and reports the result of an action.

import { SOCKET } from './server.js';

/** Milliseconds of silence after which a heartbeat is sent: less than a third of the server's idle timeout. */
const HEARTBEAT = 20_000;
/** Milliseconds that the response to a heartbeat may take: as a rule, and when the device has just woken up. */
const ANSWER = 10_000;
const ANSWER_TO_WAKING = 2_000;
/** Events to remember, so that each is handled once. The server sends one again until its delivery is confirmed. */
const REMEMBERED = 256;
const REDELIVERED = ['call_accepted', 'call_rejected', 'call_ended', 'call_timeout', 'call_missed'];
/** First and longest delay before a reconnect, in milliseconds. */
const FIRST_WAIT = 300;
const LONGEST_WAIT = 8_000;

/** Close codes without a reconnect: the server would reject it, or it would replace another window. */
const REPLACED = 4000;
const EXPIRED = 4001;
const CLOSED_BY_BACKEND = 4003;

export class Socket {
  /** `on` has `opened()`, `message(message)`, `changed()` and `refused()`. */
  constructor(log, who, token, on) {
    Object.assign(this, { log, who, token, on });
    this.state = 'connecting';
    this.waiting = [];
    this.tries = 0;
    this.skew = 0;
    this.received = new Set();
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    this.#abandon();
    this.#become(this.tries ? 'reconnecting' : 'connecting');
    const url = new URL(SOCKET);
    url.searchParams.set('token', this.token());
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onopen = () => {
      this.tries = 0;
      this.#become('online');
      this.log.add({ who: this.who, via: 'WS', direction: 'in', title: 'connected', url: SOCKET.href });
      this.check(ANSWER);
      this.on.opened();
    };
    socket.onmessage = ({ data }) => {
      if (this.socket === socket) this.#heard(JSON.parse(data));
    };
    socket.onclose = ({ code, reason }) => {
      if (this.socket === socket) this.#closed(code, reason);
    };
  }

  /** Closes the connection permanently. */
  leave() {
    this.#abandon();
    this.#become('closed');
  }

  /** Reconnects now, if the connection is lost. */
  hurry() {
    if (this.state === 'reconnecting' && this.socket?.readyState !== WebSocket.CONNECTING) this.connect();
  }

  /** Reconnects now: the network is back, and the connection of the network before does not report that it is dead. */
  renew() {
    if (['online', 'connecting', 'reconnecting'].includes(this.state)) {
      this.tries = 1;
      this.connect();
    }
  }

  /** Treats the connection as lost: the network is gone. */
  lose() {
    if (this.state !== 'online') return;
    this.#abandon();
    this.#closed(1006, 'network lost');
  }

  /** Sends a heartbeat; a connection that does not answer it within `patience` milliseconds is dead. */
  check(patience = ANSWER_TO_WAKING) {
    if (!this.send('heartbeat', {})) return;
    clearTimeout(this.beat);
    this.beat = setTimeout(() => this.lose(), patience);
  }

  /** Sends a message; returns false without a connection. */
  send(type, payload) {
    return this.sendText(JSON.stringify({ type, payload }));
  }

  /** Sends text unchanged. */
  sendText(text) {
    if (!this.isOpen) return false;
    this.socket.send(text);
    let body = text;
    try {
      body = JSON.parse(text);
    } catch {
      // The text is intentionally not JSON.
    }
    const shown = body?.type === 'session.refresh' ? { ...body, payload: { token: '…' } } : body;
    this.log.add({
      who: this.who, via: 'WS', direction: 'out', title: body?.type ?? 'text', body: shown, url: SOCKET.href,
    });
    return true;
  }

  /**
   * Sends a message about a call and waits for its result. A successful message has no response. But the server handles
   * messages in order, so the response to a heartbeat sent right after it means success.
   */
  request(type, payload) {
    return new Promise((resolve, reject) => {
      if (!this.send(type, payload)) {
        reject(new TypeError('not connected'));
        return;
      }
      this.waiting.push({ callId: payload.callId, resolve, reject });
      this.send('heartbeat', {});
    });
  }

  #heard(message) {
    clearTimeout(this.beat);
    this.beat = setTimeout(() => this.check(ANSWER), HEARTBEAT);
    this.log.add({
      who: this.who, via: 'WS', direction: 'in', title: message.type, body: message, url: SOCKET.href,
    });
    if (message.type === 'heartbeat.ack') {
      this.skew = Date.parse(message.payload.timestamp) - Date.now();
      for (const one of this.waiting.splice(0)) one.resolve();
      return;
    }
    if (message.type === 'call_error') {
      const index = this.waiting.findIndex((one) => one.callId === message.payload.callId);
      if (index >= 0) {
        const [one] = this.waiting.splice(index, 1);
        one.reject(Object.assign(new Error(message.payload.message), message.payload));
        return;
      }
    }
    if (this.#isNew(message)) this.on.message(message);
  }

  /** Whether this page has not received the event on an earlier connection. */
  #isNew({ type, data, timestamp }) {
    if (!REDELIVERED.includes(type)) return true;
    const key = `${type} ${data.callId} ${timestamp}`;
    if (this.received.has(key)) return false;
    this.received.add(key);
    if (this.received.size > REMEMBERED) this.received.delete(this.received.values().next().value);
    return true;
  }

  #closed(code, reason) {
    this.#stop();
    this.log.add({
      who: this.who, via: 'WS', direction: 'in', title: `closed ${code}`, body: { code, reason }, url: SOCKET.href,
    });
    if (code === REPLACED || (code === CLOSED_BY_BACKEND && reason !== 'reconnect')) {
      this.#become('replaced');
    } else if (code === EXPIRED) {
      this.#become('expired');
      this.on.refused();
    } else {
      this.#become('reconnecting');
      const wait = Math.min(FIRST_WAIT * 2 ** this.tries, LONGEST_WAIT);
      this.tries += 1;
      // Jitter, so that clients of a restarted server do not reconnect at the same moment.
      this.retry = setTimeout(() => this.connect(), wait * (0.7 + 0.6 * Math.random()));
      // A browser does not report a rejected token; REST does.
      if (code === 1006) this.on.refused();
    }
  }

  /** Gives up the connection, if there is one, and ignores what it still reports. */
  #abandon() {
    const { socket } = this;
    this.socket = null;
    this.#stop();
    socket?.close(1000);
  }

  #stop() {
    clearTimeout(this.beat);
    clearTimeout(this.retry);
    for (const one of this.waiting.splice(0)) one.reject(new TypeError('the connection was lost'));
  }

  #become(state) {
    this.state = state;
    this.on.changed();
  }
}
