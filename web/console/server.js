// Address of the server, and the routes that only the console uses.

/** Address of the server: the page is at `console` below it. */
export const BASE = new URL('.', document.baseURI);

/** Address of the WebSocket, without the token. */
export const SOCKET = new URL('ws/chat', BASE.href.replace(/^http/, 'ws'));

async function ask(path, body, token) {
  const response = await fetch(new URL(path, BASE), {
    method: body ? 'POST' : 'GET',
    headers: {
      ...(body && { 'Content-Type': 'application/json' }),
      ...(token && { Authorization: `Bearer ${token}` }),
    },
    body: body ? JSON.stringify(body) : undefined,
  });
  const answer = await response.json();
  if (!answer.success) throw new Error(answer.message);
  return answer.data;
}

/** `{isDevelopment, ringTimeoutSeconds, hasNodes, version}`. */
export const configuration = () => ask('console/configuration');

/** `{name}`: the node that the session of `token` is connected to. */
export const nodeOf = (token) => ask('console/node', undefined, token);

/** With `--dev`: the users, `[{id, name}]`. */
export const seededUsers = () => ask('console/dev/users');

/** With `--dev`: `{token, sessionId, expiresAt}` of a user. */
export const seededToken = (userId, sessionId, ttlSeconds) =>
  ask('console/dev/token', { userId, sessionId, ttlSeconds });

/** Returns the claims of a token without verification, to display user and expiry. */
export function claimsOf(token) {
  const [, payload] = token.split('.');
  const base64 = payload.replaceAll('-', '+').replaceAll('_', '/');
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** Returns a unique id. Pages without TLS have no `crypto.randomUUID`. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
