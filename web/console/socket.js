// WebSocket of one user: reconnects, and reports the result of an action.

import { SOCKET } from './server.js';

/** Milliseconds between heartbeats: a dead connection is detected within two of them. */
const HEARTBEAT = 20_000;
/** First and longest delay before a reconnect, in milliseconds. */
const FIRST_WAIT = 300;
const LONGEST_WAIT = 8_000;

/** Close codes without a reconnect: the server would reject it, or it would replace another window. */
const REPLACED = 4000;
const EXPIRED = 4001;

export class Socket {
  /** `on` has `opened()`, `message(message)`, `changed()` and `refused()`. */
  constructor(log, who, token, on) {
    Object.assign(this, { log, who, token, on });
    this.state = 'connecting';
    this.waiting = [];
    this.tries = 0;
    this.skew = 0;
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    clearTimeout(this.retry);
    this.#become(this.tries ? 'reconnecting' : 'connecting');
    const url = new URL(SOCKET);
    url.searchParams.set('token', this.token());
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onopen = () => {
      this.tries = 0;
      this.#become('online');
      this.beat = setInterval(() => this.send('heartbeat', {}), HEARTBEAT);
      this.log.add({ who: this.who, via: 'WS', direction: 'in', title: 'connected', url: SOCKET.href });
      this.send('heartbeat', {});
      this.on.opened();
    };
    socket.onmessage = ({ data }) => this.#heard(JSON.parse(data));
    socket.onclose = ({ code, reason }) => {
      if (this.socket === socket) this.#closed(code, reason);
    };
  }

  /** Closes the connection permanently. */
  leave() {
    this.#stop();
    const { socket } = this;
    this.socket = null;
    socket?.close(1000);
    this.#become('closed');
  }

  /** Reconnects now, after a network change or on request. */
  hurry() {
    if (this.state === 'reconnecting' && this.socket?.readyState !== WebSocket.CONNECTING) this.connect();
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
    this.on.message(message);
  }

  #closed(code, reason) {
    this.#stop();
    this.log.add({
      who: this.who, via: 'WS', direction: 'in', title: `closed ${code}`, body: { code, reason }, url: SOCKET.href,
    });
    if (code === REPLACED) {
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

  #stop() {
    clearInterval(this.beat);
    clearTimeout(this.retry);
    for (const one of this.waiting.splice(0)) one.reject(new TypeError('the connection was lost'));
  }

  #become(state) {
    this.state = state;
    this.on.changed();
  }
}
