import { Emitter } from "./emitter.js";
import { watchNetwork } from "./network.js";
import { endOf, type Tokens } from "./token.js";
import type { AppType, ClientMessages, CloseCode, ServerMessages } from "./types.js";

/** The part of the WebSocket interface that the client uses. */
export interface SocketLike {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
}

/** WebSocket class of the platform or of a library. */
export type SocketClass = new (url: string) => SocketLike;

/** Timeouts and intervals in milliseconds. */
export interface Timing {
  /** First delay before reconnecting; it doubles with each failure. */
  backoffMs: number;
  /** Longest delay before reconnecting. */
  maxBackoffMs: number;
  /** Silence after which the client sends a heartbeat: a third of the server's `idle_timeout`. */
  silenceMs: number;
  /** Timeout of a heartbeat, of opening a connection and of a request. */
  answerMs: number;
  /** Time before expiry at which a token is renewed; at most half of its remaining lifetime. */
  renewMs: number;
  /** Timeout of the heartbeat that is sent when the device wakes up. */
  wakeMs: number;
}

/** Any message from the server. */
export type ServerMessage = ServerMessages[keyof ServerMessages];

/** Event of your backend. One that it keeps may come twice, on different connections. */
export type AppEvent = ServerMessages[AppType];

/** Events of the connection. */
export interface SocketEvents {
  /** Connected. */
  open: undefined;
  /** Message from the server. */
  message: ServerMessage;
  /** Disconnected; `retryInMs` is the time until the next attempt, or null if there is none. */
  closed: { code: number; reason: string; retryInMs: number | null };
}

/** Close codes without a reconnect: another connection replaced this one, or the user is disabled. */
const FINAL: readonly CloseCode[] = [4000, 1008];

/** Close code of a session that the backend has closed, and the reason with which the client reconnects. */
const CLOSED_BY_BACKEND: CloseCode = 4003;
const RECONNECT = "reconnect";

/** Close codes after which the client needs a new token. */
const NEW_TOKEN: readonly CloseCode[] = [4001, CLOSED_BY_BACKEND];

/** Connection that reconnects. */
export class Socket extends Emitter<SocketEvents> {
  #socket: SocketLike | null = null;
  #isOpen = false;
  #wanted = false;
  #failures = 0;
  /** Expiry of the connection's token. */
  #end: number | null = null;
  #retry: Timer;
  #silence: Timer;
  #renewal: Timer;
  #unwatch: () => void = () => undefined;

  constructor(
    private readonly url: string,
    private readonly Class: SocketClass,
    private readonly tokens: Tokens,
    private readonly timing: Timing,
    /** Returns whether the server rejects the current token, after a failed connection. */
    private readonly isRefused: () => Promise<boolean>,
  ) {
    super();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Connects, and reconnects whenever the connection is lost. */
  connect(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#unwatch = watchNetwork({
      offline: () => this.#isOpen && this.#lost("offline"),
      online: () => this.#reconnect(),
      doubtful: () => this.wake(),
    });
    void this.#open();
  }

  /** Disconnects. */
  disconnect(): void {
    this.#stop();
    this.#drop(1000, "disconnected", null);
  }

  /** Reconnects at once, or checks an open connection: for a device that wakes up. */
  wake(): void {
    if (this.#isOpen) this.#ask(this.timing.wakeMs);
    else this.#reconnect();
  }

  /** Connects at once. A connection of the network before does not report that it is dead; the server replaces it. */
  #reconnect(): void {
    if (!this.#wanted) return;
    const wasOpen = this.#isOpen;
    clearTimeout(this.#retry);
    this.#failures = 0;
    this.#abandon();
    if (wasOpen) this.emit("closed", { code: 4900, reason: "network changed", retryInMs: 0 });
    void this.#open();
  }

  #stop(): void {
    this.#wanted = false;
    clearTimeout(this.#retry);
    this.#unwatch();
  }

  /** Sends a message; returns false without a connection. */
  send<Type extends keyof ClientMessages>(type: Type, payload: ClientMessages[Type]["payload"]): boolean {
    if (!this.#isOpen || !this.#socket) return false;
    this.#socket.send(JSON.stringify({ type, payload }));
    return true;
  }

  async #open(fresh = false): Promise<void> {
    let token: string;
    try {
      token = await this.tokens.get(fresh);
    } catch {
      return this.#again(0, "no token");
    }
    if (!this.#wanted || this.#socket) return;
    const socket = new this.Class(`${this.url}/ws/chat?token=${encodeURIComponent(token)}`);
    this.#socket = socket;
    // Ignores events of a socket that was replaced.
    const current = <Event>(then: (event: Event) => void) => (event: Event) => {
      if (this.#socket === socket) then(event);
    };
    this.#silence = after(this.timing.answerMs, () => this.#lost("no answer"));
    socket.onopen = current(() => {
      this.#isOpen = true;
      this.#failures = 0;
      this.#heard();
      this.#renewBefore(endOf(token));
      this.emit("open", undefined);
    });
    socket.onmessage = current((event: { data: unknown }) => this.#hear(String(event.data)));
    socket.onerror = () => undefined;
    socket.onclose = current((event: { code: number; reason: string }) => {
      const wasOpen = this.#isOpen;
      this.#forget();
      const isSignedOut = event.code === CLOSED_BY_BACKEND && event.reason !== RECONNECT;
      if (isSignedOut || FINAL.includes(event.code as CloseCode)) {
        this.#stop();
        this.emit("closed", { code: event.code, reason: event.reason, retryInMs: null });
      } else if (wasOpen) {
        this.#again(event.code, event.reason, NEW_TOKEN.includes(event.code as CloseCode));
      } else {
        void this.#couldNotOpen(event);
      }
    });
  }

  /** A page cannot see why a WebSocket did not open: REST shows whether the token was rejected. */
  async #couldNotOpen({ code, reason }: { code: number; reason: string }): Promise<void> {
    const refused = await this.isRefused().catch(() => false);
    if (!this.#wanted) return;
    if (refused) {
      this.#stop();
      this.emit("closed", { code, reason: "unauthenticated", retryInMs: null });
    } else {
      this.#again(code, reason);
    }
  }

  #hear(text: string): void {
    this.#heard();
    const message = JSON.parse(text) as ServerMessage;
    if (message.type === "session.refreshed") this.#renewBefore(Date.parse(message.payload.expiresAt));
    this.emit("message", message);
  }

  #heard(): void {
    clearTimeout(this.#silence);
    this.#silence = after(this.timing.silenceMs, () => this.#ask());
  }

  #ask(answerMs = this.timing.answerMs): void {
    clearTimeout(this.#silence);
    this.send("heartbeat", {});
    this.#silence = after(answerMs, () => this.#lost("silence"));
  }

  #lost(reason: string): void {
    this.#drop(4900, reason, true);
  }

  /** Closes the socket without waiting for its close event. */
  #drop(code: number, reason: string, again: true | null): void {
    const socket = this.#abandon(code, reason);
    if (again) this.#again(code, reason);
    else if (socket) this.emit("closed", { code, reason, retryInMs: null });
  }

  /** Closes the socket, if there is one, and ignores its events from now on. */
  #abandon(code = 4900, reason = "abandoned"): SocketLike | null {
    const socket = this.#socket;
    this.#forget();
    try {
      socket?.close(code, reason);
    } catch {
      // The socket was not open yet.
    }
    return socket;
  }

  #forget(): void {
    this.#socket = null;
    this.#isOpen = false;
    clearTimeout(this.#silence);
    clearTimeout(this.#renewal);
  }

  /** Exponential backoff with jitter: clients of a restarted server do not reconnect all at once. */
  #again(code: number, reason: string, fresh = false): void {
    if (!this.#wanted) return;
    const longest = Math.min(this.timing.maxBackoffMs, this.timing.backoffMs * 2 ** this.#failures);
    const retryInMs = Math.round(longest * (0.2 + 0.8 * Math.random()));
    this.#failures += 1;
    this.#retry = after(retryInMs, () => void this.#open(fresh));
    this.emit("closed", { code, reason, retryInMs });
  }

  #renewBefore(end: number | null): void {
    clearTimeout(this.#renewal);
    this.#end = end;
    if (end === null) return;
    const left = end - Date.now();
    const wait = Math.max(left - this.timing.renewMs, left / 2, 0);
    // A timer holds 31 bits of milliseconds.
    this.#renewal = after(Math.min(wait, 2 ** 31 - 1), () => void this.#renew());
  }

  async #renew(): Promise<void> {
    try {
      const token = await this.tokens.get(true);
      // Without a later token, another attempt would not help.
      if ((endOf(token) ?? Infinity) > (this.#end ?? 0)) this.send("session.refresh", { token });
    } catch {
      // The connection ends with its token; the next one requests a new token.
    }
  }
}

type Timer = ReturnType<typeof setTimeout> | undefined;

function after(ms: number, then: () => void): Timer {
  return setTimeout(then, ms);
}
