// Backend of the example: serves the page, and signs a token for the user who logs in.
//
//   JWT_SECRET_FILE=jwt-secret CALLS_URL=http://127.0.0.1:8000 PORT=3000 node server.mjs

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const { JWT_SECRET_FILE = "jwt-secret", CALLS_URL = "http://127.0.0.1:8000", PORT = "3000" } = process.env;
const SECRET = readFileSync(JWT_SECRET_FILE, "utf8").trim();
/** Users of the app. A real one has them in its database, and asks for a password. */
const USERS = { alice: "Alice Archer", bob: "Bob Baker", carol: "Carol Chen" };
const FILES = { "/": ["index.html", "text/html"], "/app.js": ["app.js", "text/javascript"], "/style.css": ["style.css", "text/css"] };

/** Returns a token: who the user is, on which device, for an hour. */
function sign(user, device) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: user, name: USERS[user], sid: device, iat: now, exp: now + 3600 };
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${createHmac("sha256", SECRET).update(text).digest("base64url")}`;
}

createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const user = searchParams.get("user");
  if (pathname in FILES) {
    const [name, type] = FILES[pathname];
    response.setHeader("content-type", `${type}; charset=utf-8`);
    response.end(readFileSync(join(import.meta.dirname, name)));
  } else if (pathname === "/config") {
    response.end(JSON.stringify({ callsUrl: CALLS_URL, users: USERS }));
  } else if (request.method === "POST" && pathname === "/token" && user in USERS) {
    response.end(sign(user, `${user}-${searchParams.get("device")}`));
  } else {
    response.writeHead(404).end();
  }
}).listen(Number(PORT), "127.0.0.1", () => console.log(`open http://127.0.0.1:${PORT}/`));
