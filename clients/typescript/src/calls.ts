import { Emitter } from "./emitter.js";
import { ApiError, Rest } from "./rest.js";
import { Socket, type AppEvent, type ServerMessage, type SocketClass, type Timing } from "./socket.js";
import { Tokens, type TokenSource } from "./token.js";
import type {
  AppType, Availability, AvailabilityStatus, Call, CallAccepted, CallDetails, CallEnded, CallError, CallId, CallInvitation, CallMissed, CallQualityWarning, CallRejected,
  CallSignal, CallStatus, CallTimeout, EndedCall, InitiateCall, QualityReport, RejectReason, StartedCall, TargetStatus,
} from "./types.js";

/** Events of the client. */
export interface CallsEvents {
  /** Incoming call: once per call, even if the connection is lost and returns while it rings. */
  invitation: CallInvitation;
  /** The call was accepted: by the other participant, or on another device of this user. */
  accepted: CallAccepted;
  /** The call was rejected: by the other participant, or on another device of this user. */
  rejected: CallRejected;
  /** The call was ended. */
  ended: CallEnded;
  /** The call was not answered in time. */
  timeout: CallTimeout;
  /** Somebody called during another call. */
  missed: CallMissed;
  /** The call is over for any reason, also if it ended while this client was disconnected. */
  over: { callId: CallId; status: CallStatus };
  /** The other participant's network is bad. */
  qualityWarning: CallQualityWarning;
  /** Signal from the other participant, to set up media. */
  signal: CallSignal;
  /** Your backend sent an event. */
  app: AppEvent;
  /** The server rejected a message of this client. */
  error: CallError;
  /** Connected; `active` is the user's live call, or null. */
  connected: { active: CallDetails | null };
  /** Disconnected; `retryInMs` is the time until the next attempt, or null if there is none. */
  disconnected: { code: number; reason: string; retryInMs: number | null };
}

/** Options of a client. */
export interface Options {
  /** Address of the server: `https://calls.example.com`. */
  url: string;
  /** A token, or a function that returns one. The session outlives its first token only with a function. */
  token: string | TokenSource;
  /** WebSocket class, if the platform has none (Node.js before 22). */
  WebSocket?: SocketClass;
  /** Timeouts and intervals. */
  timing?: Partial<Timing>;
}

const TIMING: Timing = {
  backoffMs: 500, maxBackoffMs: 30_000, silenceMs: 25_000, answerMs: 10_000, renewMs: 60_000, wakeMs: 2_000,
};

/** Events that the server sends again on the next connection until this client has confirmed them. */
const REDELIVERED: readonly string[] = ["call_accepted", "call_rejected", "call_ended", "call_timeout", "call_missed"];

/** Final statuses. */
const FINAL: readonly CallStatus[] = ["ENDED", "REJECTED", "MISSED"];

/** Number of calls and events to remember, so that each is reported once. The server redelivers 256 events at most. */
const REMEMBERED = 256;

/**
 * Returns an idempotency key: 128 random bits. `randomUUID` is missing on pages without TLS, and all of `crypto` in
 * React Native. The key must be unique for a user, not secret.
 */
function newKey(): string {
  const bytes = new Uint8Array(16);
  const { crypto } = globalThis as { crypto?: Crypto };
  if (crypto) crypto.getRandomValues(bytes);
  else bytes.forEach((_, index) => (bytes[index] = Math.random() * 256));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Client for the calls of one user: events and actions. */
export class Calls extends Emitter<CallsEvents> {
  /** REST API, by the operation ids of OpenAPI. */
  readonly rest: Rest;
  readonly #socket: Socket;
  readonly #timing: Timing;
  /** Calls that this client believes to be live. */
  readonly #live = new Set<CallId>();
  readonly #invited = new Set<CallId>();
  readonly #over = new Set<CallId>();
  /** Events that this client has received: type, call and timestamp. */
  readonly #received = new Set<string>();

  constructor({ url, token, WebSocket = globalThis.WebSocket as SocketClass, timing }: Options) {
    super();
    const base = url.replace(/\/+$/, "");
    const all = this.#timing = { ...TIMING, ...timing };
    const tokens = new Tokens(typeof token === "string" ? () => token : token);
    this.rest = new Rest(base, tokens, all.answerMs);
    this.#socket = new Socket(base.replace(/^http/, "ws"), WebSocket, tokens, all, () => this.#isRefused());
    this.#socket.on("open", () => void this.#resynchronise());
    this.#socket.on("message", (message) => this.#hear(message));
    this.#socket.on("closed", (closed) => this.emit("disconnected", closed));
  }

  /** Whether the client is connected. */
  get isConnected(): boolean {
    return this.#socket.isOpen;
  }

  /** Connects, and reconnects whenever the connection is lost. */
  connect(): void {
    this.#socket.connect();
  }

  /** Disconnects. */
  disconnect(): void {
    this.#socket.disconnect();
  }

  /** Checks the connection at once. In a browser the client does so by itself when the page is shown again. */
  wake(): void {
    this.#socket.wake();
  }

  /** Starts a call. Retries if the response is lost, without ringing twice. */
  async initiate(call: InitiateCall): Promise<Call> {
    const headers = { "idempotency-key": newKey() };
    for (let attempt = 1; ; attempt += 1) {
      try {
        const begun = await this.rest.request("initiateCall", { body: call, headers });
        this.#live.add(begun.id);
        return begun;
      } catch (error) {
        const isLost = !(error instanceof ApiError) || error.status === 503;
        if (!isLost || attempt === 3) throw error;
        const seconds = error instanceof ApiError ? error.retryAfter ?? 1 : 1;
        await new Promise((resolve) => setTimeout(resolve, Math.min(seconds, 5) * 1000));
      }
    }
  }

  /** Accepts a call. */
  accept(callId: CallId): Promise<StartedCall> {
    return this.rest.request("acceptCall", { path: { callId } });
  }

  /** Rejects a call. */
  async reject(callId: CallId, reason: RejectReason = "declined"): Promise<Call> {
    const call = await this.rest.request("rejectCall", { path: { callId }, body: { reason } });
    this.#isOver(callId, call.status);
    return call;
  }

  /** Ends a call, answered or not. */
  async end(callId: CallId, durationSeconds?: number): Promise<EndedCall> {
    const call = await this.rest.request("endCall", { path: { callId }, body: { durationSeconds } });
    this.#isOver(callId, call.status);
    return call;
  }

  /** Sets the status: ACTIVE reports that media flows. */
  setStatus(callId: CallId, status: TargetStatus): Promise<StartedCall | EndedCall> {
    return this.rest.request("setCallStatus", { path: { callId }, body: { status } });
  }

  /** Returns whether calls ring for this user. */
  availability(): Promise<Availability> {
    return this.rest.request("getAvailability");
  }

  /** Turns do not disturb on or off, for all sessions of this user; `until` ends it by itself. */
  setAvailability(status: AvailabilityStatus, until?: Date): Promise<Availability> {
    const body = until === undefined ? { status } : { status, until: until.toISOString() };
    return this.rest.request("setAvailability", { body });
  }

  /** Returns the live call, or null. */
  active(): Promise<CallDetails | null> {
    return this.rest.request("getActiveCall");
  }

  /** Reports the network quality; returns false without a connection. */
  reportQuality(callId: CallId, report: QualityReport): boolean {
    return this.#socket.send("call.quality", { callId, ...report });
  }

  /** Sends a signal to the other participant, to set up media; returns false without a connection. */
  signal(callId: CallId, signal: unknown): boolean {
    return this.#socket.send("call.signal", { callId, signal });
  }

  /** Sends a message to your backend, if the server has the setting `app_messages`; returns false without a connection. */
  send(type: AppType, payload: unknown): boolean {
    return this.#socket.send(type, payload);
  }

  #hear(message: ServerMessage): void {
    if (this.#isDouble(message)) return;
    switch (message.type) {
      case "call_invitation":
        this.#live.add(message.data.callId);
        // On reconnect the server repeats the invitation to a call that still rings.
        if (remember(this.#invited, message.data.callId)) this.emit("invitation", message.data);
        return;
      case "call_accepted":
        this.#live.add(message.data.callId);
        return this.emit("accepted", message.data);
      case "call_rejected":
        this.emit("rejected", message.data);
        return this.#isOver(message.data.callId, "REJECTED");
      case "call_ended":
        this.emit("ended", message.data);
        return this.#isOver(message.data.callId, "ENDED");
      case "call_timeout":
        this.emit("timeout", message.data);
        return this.#isOver(message.data.callId, "MISSED");
      case "call_missed":
        return this.emit("missed", message.data);
      case "call_quality_warning":
        return this.emit("qualityWarning", message.data);
      case "call_signal":
        return this.emit("signal", message.data);
      case "call_error":
        return this.emit("error", message.payload);
      case "heartbeat.ack":
      case "session.refreshed":
        return;
      default:
        // Newer servers may send messages of other types.
        if (message.type.startsWith("app.")) this.emit("app", message);
    }
  }

  /** Whether the client has received this event before, on another connection. */
  #isDouble(message: ServerMessage): boolean {
    if (!REDELIVERED.includes(message.type) || !("data" in message)) return false;
    const { callId } = message.data as { callId: CallId };
    return !remember(this.#received, `${message.type} ${callId} ${message.timestamp}`);
  }

  #isOver(callId: CallId, status: CallStatus): void {
    this.#live.delete(callId);
    if (remember(this.#over, callId)) this.emit("over", { callId, status });
  }

  /**
   * Synchronises after a reconnect. The server delivers stored events by itself. Expired ones show in the calls that
   * this client believes to be live and that are not.
   */
  async #resynchronise(): Promise<void> {
    try {
      const active = await this.active();
      if (active) this.#live.add(active.id);
      for (const callId of this.#live) {
        if (callId === active?.id) continue;
        const { status } = await this.rest.request("getCall", { path: { callId } });
        if (FINAL.includes(status)) this.#isOver(callId, status);
      }
      if (this.isConnected) this.emit("connected", { active });
    } catch {
      // If the connection is lost too, the next one synchronises again.
      setTimeout(() => void (this.isConnected && this.#resynchronise()), this.#timing.answerMs / 10);
    }
  }

  async #isRefused(): Promise<boolean> {
    try {
      await this.active();
      return false;
    } catch (error) {
      return error instanceof ApiError && error.status === 401;
    }
  }
}

/** Adds `key` to `known`, which drops the oldest; returns false if it was there. */
function remember(known: Set<string>, key: string): boolean {
  if (known.has(key)) return false;
  known.add(key);
  const [oldest] = known;
  if (known.size > REMEMBERED && oldest !== undefined) known.delete(oldest);
  return true;
}
