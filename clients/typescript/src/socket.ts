import { Emitter } from "./emitter.js";
import { endOf, type Tokens } from "./token.js";
import type { ClientMessages, CloseCode, ServerMessages } from "./types.js";

/** As much of a WebSocket as is used. */
export interface SocketLike {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
}

/** What makes one: the platform's `WebSocket`, or that of a library. */
export type SocketClass = new (url: string) => SocketLike;

/** How long things take, in milliseconds. */
export interface Timing {
  /** The first wait before reconnecting; it doubles each time. */
  backoffMs: number;
  /** The longest wait before reconnecting. */
  maxBackoffMs: number;
  /** After how much silence the server is asked whether it is there. */
  silenceMs: number;
  /** How long it may take to answer, to let a socket open, or to answer a request. */
  answerMs: number;
  /** How long before its end a token is renewed; at most half of what is left of it. */
  renewMs: number;
}

/** Any message of the server. */
export type ServerMessage = ServerMessages[keyof ServerMessages];

/** What happens to the connection. */
export interface SocketEvents {
  /** It stands. */
  open: undefined;
  /** The server said something. */
  message: ServerMessage;
  /** It is gone; where it will be tried again, after how many milliseconds. */
  closed: { code: number; reason: string; retryInMs: number | null };
}

/** After these the server does not want this session back: another connection took its place, or the user is barred. */
const FINAL: readonly CloseCode[] = [4000, 1008];

/** A connection that comes back. */
export class Socket extends Emitter<SocketEvents> {
  #socket: SocketLike | null = null;
  #isOpen = false;
  #wanted = false;
  #failures = 0;
  /** When the connection's token ends. */
  #end: number | null = null;
  #retry: Timer;
  #silence: Timer;
  #renewal: Timer;

  constructor(
    private readonly url: string,
    private readonly Class: SocketClass,
    private readonly tokens: Tokens,
    private readonly timing: Timing,
    /** Says whether the present token is refused, after a connection could not be opened. */
    private readonly isRefused: () => Promise<boolean>,
  ) {
    super();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Connects, and from then on whenever the connection is lost. */
  connect(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    void this.#open();
  }

  /** Leaves. */
  disconnect(): void {
    this.#wanted = false;
    clearTimeout(this.#retry);
    this.#drop(1000, "disconnected", null);
  }

  /** Tries at once, as after the device has come back from sleep; where the connection stands, sees whether it does. */
  wake(): void {
    if (!this.#wanted) return;
    if (this.#isOpen) return this.#ask();
    if (!this.#socket) {
      clearTimeout(this.#retry);
      void this.#open();
    }
  }

  /** Says something; false where there is no connection to say it on. */
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
    // What comes of a socket that was given up is of no interest any more.
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
      if (FINAL.includes(event.code as CloseCode)) {
        this.#wanted = false;
        this.emit("closed", { code: event.code, reason: event.reason, retryInMs: null });
      } else if (wasOpen) {
        this.#again(event.code, event.reason, event.code === 4001);
      } else {
        void this.#couldNotOpen(event);
      }
    });
  }

  /** A page is not told why a socket did not open: REST says whether it was the token. */
  async #couldNotOpen({ code, reason }: { code: number; reason: string }): Promise<void> {
    const refused = await this.isRefused().catch(() => false);
    if (!this.#wanted) return;
    if (refused) {
      this.#wanted = false;
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

  #ask(): void {
    clearTimeout(this.#silence);
    this.send("heartbeat", {});
    this.#silence = after(this.timing.answerMs, () => this.#lost("silence"));
  }

  #lost(reason: string): void {
    this.#drop(4900, reason, true);
  }

  /** Gives the present socket up, without waiting for what it says to that. */
  #drop(code: number, reason: string, again: true | null): void {
    const socket = this.#socket;
    this.#forget();
    try {
      socket?.close(code, reason);
    } catch {
      // It was not even open.
    }
    if (again) this.#again(code, reason);
    else if (socket) this.emit("closed", { code, reason, retryInMs: null });
  }

  #forget(): void {
    this.#socket = null;
    this.#isOpen = false;
    clearTimeout(this.#silence);
    clearTimeout(this.#renewal);
  }

  /** Full jitter over a wait that doubles: many clients of a server that restarts do not come all at once. */
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
      // Where there is no later one, asking again would not bring it.
      if ((endOf(token) ?? Infinity) > (this.#end ?? 0)) this.send("session.refresh", { token });
    } catch {
      // The connection ends with its token; the next one asks for a token again.
    }
  }
}

type Timer = ReturnType<typeof setTimeout> | undefined;

function after(ms: number, then: () => void): Timer {
  return setTimeout(then, ms);
}
