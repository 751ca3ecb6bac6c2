import type { Tokens } from "./token.js";
import { OPERATIONS, type ErrorType, type Operations } from "./types.js";

/** Error response of the server. */
export class ApiError extends Error {
  constructor(
    /** The HTTP status. */
    readonly status: number,
    /** Error type, for programs. */
    readonly errorType: ErrorType | "unknown",
    message: string,
    /** Seconds to wait before a retry, if the server sent `Retry-After`. */
    readonly retryAfter: number | null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

/** Arguments of an operation: those of path, query and body that it has. */
export type Arguments<Id extends keyof Operations> = {
  [Part in "path" | "query" | "body" as Operations[Id][Part] extends undefined ? never : Part]?: Operations[Id][Part];
} & { headers?: Record<string, string> };

/** Returns `value` as a segment of a path. URL parsers remove `.` and `..`, so that the request would be another one. */
function segment(name: string, value: unknown): string {
  const text = String(value);
  if (["", ".", ".."].includes(text)) throw new TypeError(`${name}: expected an id, got ${JSON.stringify(text)}`);
  return encodeURIComponent(text);
}

/** REST API client. */
export class Rest {
  constructor(
    private readonly url: string,
    private readonly tokens: Tokens,
    private readonly timeoutMs: number,
  ) {}

  /** Calls an operation by its OpenAPI id; renews a rejected token once. */
  async request<Id extends keyof Operations>(id: Id, args: Arguments<Id> = {}): Promise<Operations[Id]["data"]> {
    try {
      return await this.#send(id, args, await this.tokens.get());
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      return this.#send(id, args, await this.tokens.get(true));
    }
  }

  async #send<Id extends keyof Operations>(id: Id, args: Arguments<Id>, token: string): Promise<Operations[Id]["data"]> {
    const [method, template] = OPERATIONS[id];
    const { path = {}, query = {}, body, headers } = args as {
      path?: object; query?: object; body?: unknown; headers?: Record<string, string>;
    };
    const filled = Object.entries(path).reduce(
      (filled, [name, value]) => filled.replace(`{${name}}`, segment(name, value)), template as string);
    const wanted = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
    const search = wanted.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&");
    // `AbortSignal.timeout` is missing in React Native.
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(new Error(`no response within ${this.timeoutMs} ms`)), this.timeoutMs);
    const answer = this.#receive(`${this.url}${filled}${search && `?${search}`}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: timeout.signal,
    });
    return (await answer.finally(() => clearTimeout(timer))) as Operations[Id]["data"];
  }

  /** Sends a request and returns the data of its response, or throws its error. */
  async #receive(url: string, request: RequestInit): Promise<unknown> {
    const response = await fetch(url, request);
    const answer = await response.json().catch(() => null) as { data?: unknown; message?: string; errorType?: ErrorType } | null;
    if (!response.ok || answer === null) {
      const after = Number(response.headers.get("retry-after") ?? Number.NaN);
      throw new ApiError(response.status, answer?.errorType ?? "unknown", answer?.message ?? response.statusText,
        Number.isFinite(after) ? after : null);
    }
    return answer.data;
  }
}
