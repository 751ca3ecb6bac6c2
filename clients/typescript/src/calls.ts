import { Emitter } from "./emitter.js";
import { ApiError, Rest } from "./rest.js";
import { Socket, type ServerMessage, type SocketClass, type Timing } from "./socket.js";
import { Tokens, type TokenSource } from "./token.js";
import type {
  Call, CallAccepted, CallDetails, CallEnded, CallError, CallId, CallInvitation, CallQualityWarning, CallRejected,
  CallSignal, CallStatus, CallTimeout, EndedCall, InitiateCall, QualityReport, RejectReason, StartedCall, TargetStatus,
} from "./types.js";

/** What an app listens to. */
export interface CallsEvents {
  /** Somebody calls: once for each call, however often the connection comes back while it rings. */
  invitation: CallInvitation;
  /** The call was accepted: by the other participant, or on another device of this user. */
  accepted: CallAccepted;
  /** The call was rejected: by the other participant, or on another device of this user. */
  rejected: CallRejected;
  /** The call was ended. */
  ended: CallEnded;
  /** Nobody answered. */
  timeout: CallTimeout;
  /** A call is over, whatever it was; also where that was told while this client could not hear it. */
  over: { callId: CallId; status: CallStatus };
  /** The other participant's network is bad. */
  qualityWarning: CallQualityWarning;
  /** The other participant says something, to set up media. */
  signal: CallSignal;
  /** A message of this client was refused. */
  error: CallError;
  /** The connection stands, and the user's live call is this one, or none. */
  connected: { active: CallDetails | null };
  /** The connection is gone; where it comes back by itself, after how many milliseconds it is tried. */
  disconnected: { code: number; reason: string; retryInMs: number | null };
}

/** What a client needs. */
export interface Options {
  /** Where the server is: `https://calls.example.com`. */
  url: string;
  /** A token, or what gives one; only with the latter the session outlives its first token. */
  token: string | TokenSource;
  /** The class of sockets, where the platform has none (Node before 22). */
  WebSocket?: SocketClass;
  /** How long things take. */
  timing?: Partial<Timing>;
}

const TIMING: Timing = { backoffMs: 500, maxBackoffMs: 30_000, silenceMs: 30_000, answerMs: 10_000, renewMs: 60_000 };

/** The statuses of calls that are over. */
const FINAL: readonly CallStatus[] = ["ENDED", "REJECTED", "MISSED"];

/** How many calls that are over are remembered, so that each is told once. */
const REMEMBERED = 64;

/** A name for a request that no other has: 128 random bits. `randomUUID` is missing on pages that came without TLS. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A user's calls: everything that happens to them, and everything that can be done with them. */
export class Calls extends Emitter<CallsEvents> {
  /** The whole REST interface, by the operations' ids. */
  readonly rest: Rest;
  readonly #socket: Socket;
  readonly #timing: Timing;
  /** The calls that are live as far as this client knows. */
  readonly #live = new Set<CallId>();
  readonly #invited = new Set<CallId>();
  readonly #over = new Set<CallId>();

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

  /** Whether the connection stands just now. */
  get isConnected(): boolean {
    return this.#socket.isOpen;
  }

  /** Connects, and stays connected. */
  connect(): void {
    this.#socket.connect();
  }

  /** Leaves. */
  disconnect(): void {
    this.#socket.disconnect();
  }

  /** Sees at once whether the connection stands: for when a device wakes up or changes its network. */
  wake(): void {
    this.#socket.wake();
  }

  /** Calls somebody. It is asked again where the answer is lost, and nobody is rung twice for that. */
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

  /** Takes a call. */
  accept(callId: CallId): Promise<StartedCall> {
    return this.rest.request("acceptCall", { path: { callId } });
  }

  /** Refuses a call. */
  async reject(callId: CallId, reason: RejectReason = "declined"): Promise<Call> {
    const call = await this.rest.request("rejectCall", { path: { callId }, body: { reason } });
    this.#isOver(callId, call.status);
    return call;
  }

  /** Hangs up, or gives up. */
  async end(callId: CallId, durationSeconds?: number): Promise<EndedCall> {
    const call = await this.rest.request("endCall", { path: { callId }, body: { durationSeconds } });
    this.#isOver(callId, call.status);
    return call;
  }

  /** Says that media flows, with ACTIVE. */
  setStatus(callId: CallId, status: TargetStatus): Promise<StartedCall> {
    return this.rest.request("setCallStatus", { path: { callId }, body: { status } });
  }

  /** The live call, or null. */
  active(): Promise<CallDetails | null> {
    return this.rest.request("getActiveCall");
  }

  /** Says how well the network carries the call; false where there is no connection to say it on. */
  reportQuality(callId: CallId, report: QualityReport): boolean {
    return this.#socket.send("call.quality", { callId, ...report });
  }

  /** Says something to the other participant, to set up media; false where there is no connection. */
  signal(callId: CallId, signal: unknown): boolean {
    return this.#socket.send("call.signal", { callId, signal });
  }

  #hear(message: ServerMessage): void {
    switch (message.type) {
      case "call_invitation":
        this.#live.add(message.data.callId);
        // A session that comes back is invited again to what still rings.
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
      case "call_quality_warning":
        return this.emit("qualityWarning", message.data);
      case "call_signal":
        return this.emit("signal", message.data);
      case "call_error":
        return this.emit("error", message.payload);
      case "heartbeat.ack":
      case "session.refreshed":
        return;
    }
  }

  #isOver(callId: CallId, status: CallStatus): void {
    this.#live.delete(callId);
    if (remember(this.#over, callId)) this.emit("over", { callId, status });
  }

  /**
   * What is kept for this client comes on the socket by itself; what was kept for too long shows in the calls
   * that it believes to be live and that are not.
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
      // Where the connection is lost too, the next one resynchronises.
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

/** Puts `callId` into `known`, which forgets the oldest; false where it was there. */
function remember(known: Set<CallId>, callId: CallId): boolean {
  if (known.has(callId)) return false;
  known.add(callId);
  const [oldest] = known;
  if (known.size > REMEMBERED && oldest !== undefined) known.delete(oldest);
  return true;
}
