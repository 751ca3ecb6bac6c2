import { Rest, type Arguments } from "./rest.js";
import { Tokens } from "./token.js";
import type { Operations } from "./types.js";

/** Operations of the server API: those that an API key may call. */
export type ServerOperation =
  | "listUsers" | "putUser" | "getUser" | "updateUser" | "removeUser" | "putUsers"
  | "listBlocksOfUser" | "addBlockOfUser" | "removeBlockOfUser"
  | "listContactsOfUser" | "addContactOfUser" | "removeContactOfUser"
  | "issueToken" | "listSessions" | "closeSessions" | "closeSession" | "getPresence"
  | "sendEvent" | "sendEvents"
  | "listWebhooks" | "createWebhook" | "updateWebhook" | "rotateWebhookSecret" | "testWebhook" | "deleteWebhook"
  | "listWebhookMessages" | "retryWebhookMessage" | "retryWebhookMessages"
  | "listCalls" | "placeCall" | "getCallWithTimeline" | "endCallOfUsers" | "getServerStatistics";

/** Client of the server API, for your own backend. Never put its API key into an app. */
export class ServerClient {
  readonly #rest: Rest;

  /** `url` is that of the server without a path; `apiKey` is from `chattrix apikey create`. */
  constructor(url: string, apiKey: string, options: { timeoutMs?: number } = {}) {
    const tokens = new Tokens(() => apiKey);
    this.#rest = new Rest(url.replace(/\/+$/, ""), tokens, options.timeoutMs ?? 10_000);
  }

  /** Calls an operation by its OpenAPI id. Send `headers: {"idempotency-key": …}` with a `POST` that may be repeated. */
  request<Id extends ServerOperation>(id: Id, args: Arguments<Id> = {}): Promise<Operations[Id]["data"]> {
    return this.#rest.request(id, args);
  }
}

/** Message of a webhook. */
export interface WebhookMessage {
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

/** Headers of a request: a plain object as in Node.js, or a `Headers`. */
export type WebhookHeaders = Record<string, string | string[] | undefined> | { get(name: string): string | null };

/** Why a webhook was rejected. */
export class WebhookError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "WebhookError";
  }
}

/** Seconds by which the clocks of server and backend may differ. */
const TOLERANCE_S = 5 * 60;

/**
 * Verifies a webhook (Standard Webhooks) and returns its message. `body` is the body as it arrived, `secrets` the value of
 * `webhook_secret`, or several during a rotation. Throws a {@link WebhookError} if it is not genuine.
 */
export async function verifyWebhook(
  body: string, headers: WebhookHeaders, secrets: string | readonly string[], now: number = Date.now(),
): Promise<WebhookMessage> {
  const [id, timestamp, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"]
    .map((name) => header(headers, name));
  if (!id || !timestamp || !signatures) throw new WebhookError("expected webhook-id, webhook-timestamp and webhook-signature");
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now / 1000 - Number(timestamp)) > TOLERANCE_S) {
    throw new WebhookError("webhook-timestamp: expected a time within 5 minutes of now");
  }
  const sent = signatures.split(" ").filter((one) => one.startsWith("v1,")).map((one) => one.slice(3));
  const signed = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  for (const secret of typeof secrets === "string" ? [secrets] : secrets) {
    const key = await crypto.subtle.importKey(
      "raw", bytes(secret.replace(/^whsec_/, "")), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
    for (const signature of sent) {
      // `verify` compares in constant time.
      if (await crypto.subtle.verify("HMAC", key, bytes(signature), signed)) return JSON.parse(body) as WebhookMessage;
    }
  }
  throw new WebhookError("webhook-signature: no signature matches");
}

function header(headers: WebhookHeaders, name: string): string | undefined {
  if (typeof headers.get === "function") return (headers as { get(name: string): string | null }).get(name) ?? undefined;
  const value = (headers as Record<string, string | string[] | undefined>)[name];
  return Array.isArray(value) ? value.join(" ") : value;
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
