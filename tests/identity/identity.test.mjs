// The server with a real OpenID provider, and with tokens that three other libraries sign.
//
//   CHATTRIX=target/debug/chattrix IDENTITY_PYTHON=python3 npm test
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { test } from 'node:test';
import * as jose from 'jose';
import { CLIENT, signIn, startProvider, startServer } from './server.mjs';

const SECRET = 'a secret of the tests, longer than sixty-four bytes, as HS512 of some libraries wants it';
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA'];

// Makes a private key as JSON Web Key.
async function makeKey(kid, alg) {
  const { privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  return { ...await jose.exportJWK(privateKey), kid, alg, use: 'sig' };
}

// Returns the public half.
function publicHalf({ d, p, q, dp, dq, qi, ...rest }) {
  return rest;
}

test('users of an OpenID provider sign in, also after its keys rotated', async () => {
  const [first, second] = [await makeKey('first', 'RS256'), await makeKey('second', 'RS256')];
  let provider = await startProvider([first]);
  const { issuer, port } = provider;
  const server = await startServer({ jwt_issuer_url: issuer, jwt_audience: [CLIENT.client_id] });
  try {
    const old = await signIn(issuer, 'auth0|5f7c');
    assert.equal(await server.status(old), 200);
    await provider.stop();
    assert.equal(await server.status(old), 200, 'while the provider is down');
    provider = await startProvider([second, first], port);
    const renewed = await signIn(issuer, 'auth0|5f7c');
    assert.equal(jose.decodeProtectedHeader(renewed).kid, 'second');
    assert.equal(await server.status(renewed), 200);
    assert.equal(await server.status(old), 200);
    const stranger = await new jose.SignJWT({}).setProtectedHeader({ alg: 'RS256', kid: 'first' }).setSubject('eve')
      .setIssuer(issuer).setAudience(CLIENT.client_id).setExpirationTime('1h').sign(await jose.importJWK(await makeKey('first', 'RS256'), 'RS256'));
    assert.equal(await server.status(stranger), 401);
  } finally {
    await server.stop();
    await provider.stop();
  }
});

test('tokens of jose, PyJWT and Authlib are accepted for every algorithm', async () => {
  const keys = await Promise.all(ALGORITHMS.map((alg) => makeKey(`key-${alg}`, alg)));
  const published = createServer((_, response) => response.end(JSON.stringify({ keys: keys.map(publicHalf) })));
  await new Promise((resolve) => published.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${published.address().port}/jwks.json`;
  const server = await startServer({ jwt_jwks_url: url, jwt_secret: SECRET, auth_failure_rate: 'off' });
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: 'alice', iat: now, exp: now + 600, sid: 'login-1' };
  try {
    const signed = [];
    for (const key of keys) {
      const token = await new jose.SignJWT(claims).setProtectedHeader({ alg: key.alg, kid: key.kid }).sign(await jose.importJWK(key, key.alg));
      signed.push({ library: 'jose', algorithm: key.alg, token });
    }
    const input = JSON.stringify({ keys, secret: SECRET, claims });
    const lines = execFileSync(process.env.IDENTITY_PYTHON, [new URL('sign.py', import.meta.url).pathname], { input, encoding: 'utf8' });
    signed.push(...lines.trim().split('\n').map((line) => JSON.parse(line)));
    assert.equal(signed.length, 3 * ALGORITHMS.length + 6);
    for (const { library, algorithm, token } of signed) {
      assert.equal(await server.status(token), 200, `${library}, ${algorithm}`);
      const last = token.at(-8) === 'A' ? 'B' : 'A';
      const forged = token.slice(0, -8) + last + token.slice(-7);
      assert.equal(await server.status(forged), 401, `${library}, ${algorithm}, forged`);
    }
  } finally {
    await server.stop();
    published.close();
  }
});
