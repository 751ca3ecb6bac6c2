/** Returns a token: the current one, or with `fresh` a new one for the same session (claim `sid`). */
export type TokenSource = (wanted: { fresh: boolean }) => string | Promise<string>;

/** Cache of the current token. */
export class Tokens {
  #token: Promise<string> | null = null;

  constructor(private readonly source: TokenSource) {}

  /** Returns the current token, or with `fresh` a new one. */
  async get(fresh = false): Promise<string> {
    if (fresh || !this.#token || isOver(await this.#token)) {
      const asked = Promise.resolve(this.source({ fresh: fresh || this.#token !== null }));
      this.#token = asked;
      asked.catch(() => {
        if (this.#token === asked) this.#token = null;
      });
    }
    return this.#token;
  }
}

/** Returns the expiry in milliseconds of the Unix epoch, or null if the token cannot be read. */
export function endOf(token: string): number | null {
  try {
    const payload = token.split(".")[1] ?? "";
    const { exp } = JSON.parse(decode(payload)) as { exp?: unknown };
    return typeof exp === "number" ? exp * 1000 : null;
  } catch {
    return null;
  }
}

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Decodes base64url to one character per byte, which is enough for a number in JSON. Old React Native has no `atob`. */
function decode(text: string): string {
  let [bits, count, decoded] = [0, 0, ""];
  for (const character of text) {
    const value = BASE64URL.indexOf(character);
    if (value < 0) throw new Error("not base64url");
    bits = ((bits << 6) | value) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      decoded += String.fromCharCode((bits >> count) & 0xff);
    }
  }
  return decoded;
}

function isOver(token: string): boolean {
  const end = endOf(token);
  return end !== null && end <= Date.now();
}
