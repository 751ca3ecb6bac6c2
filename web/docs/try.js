// Forms that send requests to the server of the page, in dev mode.

import { el, json, shell } from "./dom.js";

/** `{users}` in dev mode on this machine, else null. */
export async function developer() {
  const configuration = await ask("docs/configuration").catch(() => null);
  if (!configuration?.isDevelopment) return null;
  // Without the console, or without users, only the routes of the server API can be tried.
  const users = await ask("console/dev/users").catch(() => []);
  return { users };
}

async function ask(path, body) {
  const response = await fetch(path, body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!answer.success) throw new Error(answer.message);
  return answer.data;
}

/** Tokens by user, and the API key, for as long as the page is open. */
const kept = new Map();

async function bearer(user) {
  if (!kept.has(user ?? "")) {
    kept.set(user ?? "", user === null ? (await ask("admin/dev/key", {})).key : (await ask("console/dev/token", { userId: user })).token);
  }
  return kept.get(user ?? "");
}

/** Renders the form of a route; it is built when it is opened. */
export function tryOut(schemas, { path, method, operation, security }, { users }) {
  const details = el("details", { class: "try" }, el("summary", {}, "Try it"));
  details.addEventListener("toggle", () => {
    if (details.open && !details.querySelector("form")) details.append(form(schemas, { path, method, operation, security }, users));
  });
  return details;
}

function form(schemas, { path, method, operation, security }, users) {
  const parameters = operation.parameters ?? [];
  const fields = parameters.map((parameter) => ({
    parameter,
    input: el("input", { value: parameter.in === "path" ? parameter.example ?? "" : "", required: parameter.required, autocomplete: "off", spellcheck: "false" }),
  }));
  const as = security === "token" && el("select", {}, users.map(({ id, name }) => el("option", { value: id }, name)));
  const [content] = Object.values(operation.requestBody?.content ?? {});
  const [example] = Object.values(content?.examples ?? {});
  const body = content && el("textarea", { rows: "6", spellcheck: "false" });
  if (example) body.value = JSON.stringify(schemas.ordered(example.value, content.schema), null, 2);
  const result = el("div", { class: "result", role: "status" });
  const button = el("button", {}, "Send");
  const label = (text, control) => control && el("label", {}, text, control);
  const made = el("form", {},
    label("As user", as),
    fields.map(({ parameter, input }) => label(parameter.name, input)),
    label("Body", body), button, result);
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const headers = {};
      if (security) headers.Authorization = `Bearer ${await bearer(security === "key" ? null : as.value)}`;
      if (body?.value) headers["Content-Type"] = "application/json";
      const url = fill(path, fields, headers);
      result.replaceChildren(...await send(url, { method: method.toUpperCase(), headers, body: body?.value || undefined }));
    } catch (error) {
      result.replaceChildren(el("p", { class: "bad" }, error.message));
    }
    button.disabled = false;
  });
  return made;
}

/** Returns the URL with the parameters, and adds those of the header. */
function fill(path, fields, headers) {
  const query = new URLSearchParams();
  let filled = path;
  for (const { parameter, input } of fields) {
    if (parameter.in === "path") filled = filled.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value && parameter.in === "query") query.set(parameter.name, input.value);
    else if (input.value) headers[parameter.name] = input.value;
  }
  return filled.slice(1) + (query.size > 0 ? `?${query}` : "");
}

async function send(url, request) {
  const started = performance.now();
  const response = await fetch(url, request);
  const text = await response.text();
  const time = Math.round(performance.now() - started);
  const head = el("p", {}, el("span", { class: `status ${response.ok ? "good" : "bad"}` }, String(response.status)), ` ${time} ms`);
  const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
  return [head, isJson ? json(JSON.parse(text)) : shell(text)];
}
