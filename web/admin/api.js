// Requests to the server API with an API key.

/** Address of the server: the page is at `admin` below it. */
const BASE = new URL('.', document.baseURI);

/** Error response of the server. */
export class Refusal extends Error {
  constructor(status, answer) {
    super(answer?.message ?? `The server returned ${status}.`);
    this.status = status;
  }
}

export class Api {
  constructor(key) {
    this.key = key;
  }

  get = (path) => ask('GET', `api/server/v1/${path}`, this.key);
  post = (path) => ask('POST', `api/server/v1/${path}`, this.key);
  delete = (path) => ask('DELETE', `api/server/v1/${path}`, this.key);
}

/** `{isDevelopment, version}`. */
export const configuration = () => ask('GET', 'admin/configuration');

/** With `--dev`: a new API key. */
export const developmentKey = async () => (await ask('POST', 'admin/dev/key')).key;

async function ask(method, path, key) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const response = await fetch(new URL(path, BASE), { method, headers, cache: 'no-store' });
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Refusal(response.status, answer);
  return answer.data;
}
