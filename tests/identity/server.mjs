// A Chattrix server in a folder of its own, and an OpenID provider, both on loopback.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

export const CLIENT = { client_id: 'calls', client_secret: 'a secret of the client', redirect_uris: ['http://127.0.0.1:1/callback'] };

// Starts a server with these settings. `stop` ends it and removes its folder.
export async function startServer(settings) {
  const folder = mkdtempSync(join(tmpdir(), 'chattrix-identity-'));
  const lines = Object.entries({ auto_provision: true, ...settings }).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  writeFileSync(join(folder, 'Rocket.toml'), `[default.chattrix]\n${lines.join('\n')}\n`);
  const child = spawn(process.env.CHATTRIX, ['serve', '--address', '127.0.0.1', '--port', '0'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const url = await new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        const found = /listening on (http:\/\/[\d.:]+)/.exec(line);
        if (found) resolve(found[1]);
      });
    }
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return {
    // Returns the status of a request with this token.
    async status(token) {
      const response = await fetch(`${url}/api/v1/calls/active`, { headers: { authorization: `Bearer ${token}` } });
      await response.arrayBuffer();
      return response.status;
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

// Starts an OpenID provider with these private keys; port 0 takes any.
export async function startProvider(keys, port = 0) {
  const http = createServer();
  await new Promise((resolve) => http.listen(port, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${http.address().port}`;
  const provider = new Provider(issuer, {
    clients: [CLIENT],
    jwks: { keys },
    cookies: { keys: ['a cookie key of the test'] },
    pkce: { required: () => false },
    conformIdTokenClaims: false,
    claims: { openid: ['sub'], profile: ['name'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: `Name of ${id}` }) }),
  });
  const answer = provider.callback();
  http.on('request', (request, response) => {
    // A client must not keep a connection to a provider that is stopped and started again.
    response.shouldKeepAlive = false;
    answer(request, response);
  });
  return {
    issuer,
    port: http.address().port,
    async stop() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

// Signs a user in at the provider, as a browser does: returns the ID token.
export async function signIn(issuer, user) {
  const cookies = new Map();
  const visit = async (url, init = {}) => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(new URL(url, issuer), { ...init, redirect: 'manual', headers: { ...init.headers, cookie } });
    for (const set of response.headers.getSetCookie()) {
      const [name, value] = set.split(';')[0].split(/=(.*)/s);
      cookies.set(name, value);
    }
    return { location: response.headers.get('location'), page: await response.text() };
  };
  const query = new URLSearchParams({ client_id: CLIENT.client_id, response_type: 'code', scope: 'openid profile', redirect_uri: CLIENT.redirect_uris[0], nonce: 'n' });
  let { location, page } = await visit(`/auth?${query}`);
  while (!location?.startsWith(CLIENT.redirect_uris[0])) {
    if (location) {
      ({ location, page } = await visit(location));
      continue;
    }
    const form = /action="([^"]+)"/.exec(page)?.[1];
    if (!form) throw new Error(`the provider shows no form: ${page}`);
    const prompt = /name="prompt" value="(\w+)"/.exec(page)[1];
    const body = new URLSearchParams({ prompt, login: user, password: 'any' });
    ({ location, page } = await visit(form, { method: 'POST', body }));
  }
  const code = new URL(location).searchParams.get('code');
  if (!code) throw new Error(`no code: ${location}`);
  const basic = Buffer.from(`${CLIENT.client_id}:${encodeURIComponent(CLIENT.client_secret)}`).toString('base64');
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: CLIENT.redirect_uris[0] }),
  });
  const tokens = await response.json();
  if (!tokens.id_token) throw new Error(`no ID token: ${JSON.stringify(tokens)}`);
  return tokens.id_token;
}
