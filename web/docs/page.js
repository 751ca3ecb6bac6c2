// Renders OpenAPI (REST) and AsyncAPI (WebSocket) as one page.

import { el, inline, json, markdown, shell, table } from "./dom.js";
import { Schemas } from "./schema.js";
import { developer, tryOut } from "./try.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

/** A browser opens it with its own API. */
const SOCKET = "/ws/chat";

const main = document.getElementById("content");

try {
  const [openapi, asyncapi, local] = await Promise.all([load("api/openapi.json"), load("api/asyncapi.json"), developer()]);
  draw(openapi, asyncapi, local);
} catch (error) {
  main.replaceChildren(el("div", { class: "problem", role: "alert" }, `Cannot load the API documents: ${error.message}`));
} finally {
  main.removeAttribute("aria-busy");
}

async function load(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

/** `local` is set in dev mode, when requests can be tried. */
function draw(openapi, asyncapi, local) {
  document.getElementById("version").textContent = openapi.info.version;
  const sections = [overview(openapi), ...rest(openapi, local), ...socket(asyncapi), errors(openapi, asyncapi), types(openapi, asyncapi)];
  main.replaceChildren(...sections.map(({ id, title, lead = [], entries = [] }) =>
    el("section", { id }, el("h2", {}, title), lead, entries.map(({ article }) => article))));
  contents(sections);
  // The browser looked for the fragment before the page was rendered.
  document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView({ behavior: "instant" });
}

function overview({ info, components }) {
  const schemes = Object.values(components.securitySchemes).map((scheme) => markdown(scheme.description));
  return { id: "top", title: "Overview", lead: [markdown(info.description), el("h3", {}, "Token"), schemes] };
}

function rest(openapi, local) {
  const schemas = new Schemas(openapi);
  const listed = (items, isWebhook) => Object.entries(items).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ path, method, operation: item[method], isWebhook })));
  const operations = [...listed(openapi.paths, false), ...listed(openapi.webhooks, true)];
  return openapi.tags.map(({ name, description }) => ({
    id: `tag-${name}`,
    title: name,
    lead: markdown(description),
    entries: operations.filter(({ operation }) => operation.tags.includes(name))
      .map((one) => (one.isWebhook ? webhook(schemas, one) : route(openapi, schemas, one, local))),
  })).filter(({ entries }) => entries.length > 0);
}

/** A message to an endpoint of the reader's own: the type stands where routes have the path. */
function webhook(schemas, { path: type, operation }) {
  const id = operation.operationId;
  const article = el("article", { id },
    el("h3", {}, el("span", { class: "verb server" }, "webhook"), el("a", { href: `#${id}` }, el("code", {}, type))),
    el("p", {}, el("strong", {}, inline(`${operation.summary}.`))),
    markdown(operation.description),
    parameters(schemas, operation.parameters ?? []),
    requestBody(schemas, operation.requestBody),
    el("h4", {}, "Your response"),
    Object.entries(operation.responses).map(([status, response]) => answer(schemas, status, response)));
  return { article, link: type, id, text: article.textContent };
}

function route(openapi, schemas, { path, method, operation }, local) {
  const id = operation.operationId;
  const [scheme] = (operation.security ?? openapi.security).map((one) => Object.keys(one)[0]);
  const needsToken = scheme !== undefined;
  const security = needsToken && (scheme === "apiKey" ? "key" : "token");
  const article = el("article", { id },
    el("h3", {}, el("a", { href: `#${id}` }, operation.summary)),
    el("p", { class: "route" }, el("span", { class: `verb ${method}` }, method.toUpperCase()), " ", path),
    markdown(operation.description),
    !needsToken && el("p", {}, "Needs no token."),
    parameters(schemas, operation.parameters ?? []),
    requestBody(schemas, operation.requestBody),
    el("h4", {}, "Responses"),
    Object.entries(operation.responses).map(([status, response]) => answer(schemas, status, schemas.resolve(response))),
    method !== "get" || needsToken ? [el("h4", {}, "curl"), shell(curl(schemas, path, method, operation, needsToken))] : null,
    local && path !== SOCKET && tryOut(schemas, { path, method, operation, security }, local));
  return { article, link: operation.summary, id, text: `${method} ${path} ${article.textContent}` };
}

function parameters(schemas, list) {
  if (list.length === 0) return null;
  const rows = list.map((parameter) => [
    [el("code", {}, parameter.name), el("span", { class: "optional" }, ` ${parameter.in}${parameter.required ? "" : ", optional"}`)],
    schemas.type(parameter.schema),
    [inline(parameter.description), schemas.limits(parameter.schema)],
  ]);
  return [el("h4", {}, "Parameters"), table(["Name", "Type", "Meaning"], rows)];
}

function requestBody(schemas, body) {
  if (!body) return null;
  const [content] = Object.values(body.content);
  return [
    el("h4", {}, body.required ? "Body" : "Body, optional"),
    schemas.fields(content.schema),
    el("p", { class: "limits" }, inline(body.description)),
    examples(schemas, content),
  ];
}

function answer(schemas, status, response) {
  const [content] = Object.values(response.content ?? {});
  const envelope = schemas.resolve(content?.schema);
  const headers = Object.entries(response.headers ?? {}).filter(([name]) => name !== "X-Request-Id");
  const good = Number(status) < 400;
  return el("details", { class: "answer", open: good },
    el("summary", {}, el("span", { class: `status ${good ? "good" : "bad"}` }, status), " ", inline(response.description)),
    el("div", {},
      good && envelope && (schemas.fields(envelope) ?? null),
      headers.map(([name, header]) => el("p", {}, el("code", {}, name), " ", inline(schemas.resolve(header).description))),
      content?.example !== undefined && (typeof content.example === "string" ? shell(content.example) : json(content.example)),
      examples(schemas, content)));
}

function examples(schemas, { examples = {}, schema } = {}) {
  return Object.values(examples).map(({ summary, value }) =>
    el("figure", {}, el("figcaption", {}, inline(summary)), json(schemas.ordered(value, schema))));
}

function curl(schemas, path, method, operation, needsToken) {
  const lines = [`curl -sS "$CHATTRIX_URL${path.replace(/\{(\w+)\}/g, "$$$1")}"`];
  if (method !== "get" && method !== "post") lines.push(`-X ${method.toUpperCase()}`);
  if (needsToken) lines.push(`-H "Authorization: Bearer $TOKEN"`);
  const [content] = Object.values(operation.requestBody?.content ?? {});
  const [example] = Object.values(content?.examples ?? {});
  if (example) {
    const body = JSON.stringify(schemas.ordered(example.value, content.schema));
    lines.push(`-H 'Content-Type: application/json'`, `-d '${body}'`);
  } else if (method === "post") {
    lines.push("-X POST");
  }
  return lines.join(" \\\n  ");
}

function socket(asyncapi) {
  const schemas = new Schemas(asyncapi);
  const channel = asyncapi.channels.chat;
  const operations = Object.entries(asyncapi.operations);
  const said = (action) => operations.filter(([, operation]) => operation.action === action)
    .map(([key, operation]) => message(schemas, key, operation));
  const codes = table(["Code", "Reason", "When", "What to do"], channel["x-close-codes"].map(({ code, reason, when, then }) =>
    [el("code", {}, String(code)), reason, inline(when), inline(then)]));
  return [
    {
      id: "socket",
      title: "WebSocket",
      lead: [
        el("p", { class: "route" }, el("span", { class: "verb get" }, "GET"), ` ${channel.address}?token=…`),
        markdown(asyncapi.info.description), markdown(channel.description), el("h3", {}, "Close codes"), codes,
      ],
    },
    { id: "from-the-client", title: "Client messages", entries: said("receive") },
    { id: "from-the-server", title: "Server messages", entries: said("send") },
  ];
}

function message(schemas, key, operation) {
  const message = schemas.resolve(schemas.resolve(operation.messages[0]));
  const id = `message-${key}`;
  const answers = (operation.reply?.messages ?? []).map((reference) => reference.$ref.split("/").at(-1));
  const who = operation.action === "receive" ? "client" : "server";
  const article = el("article", { id },
    el("h3", {}, el("span", { class: `verb ${who}` }, who), el("a", { href: `#${id}` }, el("code", {}, message.name))),
    el("p", {}, el("strong", {}, `${message.summary}.`)),
    markdown(message.description),
    schemas.fields(message.payload),
    answers.length > 0 && el("p", {}, "Response: ", answers.flatMap((answer, index) =>
      [index > 0 && " or ", el("a", { href: `#message-${answer}` }, schemas.resolve(
        schemas.resolve({ $ref: `#/channels/chat/messages/${answer}` })).name)]), "."),
    message.examples.map(({ summary, payload }) =>
      el("figure", {}, el("figcaption", {}, inline(summary)), json(schemas.ordered(payload, message.payload)))));
  return { article, link: message.name, id, text: article.textContent };
}

/** Every error type with its statuses and messages. */
function errors(openapi, asyncapi) {
  const schemas = new Schemas(openapi);
  const found = new Map(openapi.components.schemas.ErrorType.enum.map((word) => [word, new Map()]));
  const note = (word, status, when) => {
    if (!found.get(word)?.has(when)) found.get(word)?.set(when, status);
  };
  for (const item of Object.values(openapi.paths)) {
    for (const operation of METHODS.map((method) => item[method]).filter(Boolean)) {
      for (const [status, response] of Object.entries(operation.responses)) {
        for (const content of Object.values(schemas.resolve(response).content ?? {})) {
          for (const { summary, value } of Object.values(content.examples ?? {})) {
            if (value?.errorType) note(value.errorType, status, summary);
          }
        }
      }
    }
  }
  for (const { payload, summary } of asyncapi.components.messages.callError.examples) {
    if (found.get(payload.payload.errorType)?.size === 0) note(payload.payload.errorType, "WebSocket", summary);
  }
  const rows = [...found].filter(([, whens]) => whens.size > 0).map(([word, whens]) => [
    el("code", {}, word),
    [...new Set(whens.values())].join(", "),
    el("ul", {}, [...whens.keys()].map((when) => el("li", {}, inline(when)))),
  ]);
  return { id: "errors", title: "Errors", lead: table(["errorType", "Status", "When"], rows) };
}

function types(openapi, asyncapi) {
  const schemas = new Schemas(openapi);
  const all = { ...asyncapi.components.schemas, ...openapi.components.schemas };
  const entries = Object.entries(all).sort(([a], [b]) => a.localeCompare(b)).map(([name, schema]) => {
    const id = `type-${name}`;
    const article = el("article", { id },
      el("h3", {}, el("a", { href: `#${id}` }, name)),
      markdown(schema.description),
      schema.properties ? schemas.fields(schema) : el("p", {}, schemas.type(schema)),
      schemas.limits(schema),
      (schema.examples ?? []).map((example) => json(example)));
    return { article, link: name, id, text: article.textContent };
  });
  return { id: "types", title: "Types", entries };
}

function contents(sections) {
  const links = document.getElementById("links");
  const groups = sections.map(({ id, title, entries = [] }) => {
    const items = entries.map(({ id, link, text, article }) =>
      ({ item: el("li", {}, el("a", { href: `#${id}` }, link)), article, text: text.toLowerCase() }));
    const group = el("div", {}, el("h2", {}, el("a", { href: `#${id}` }, title)), el("ul", {}, items.map(({ item }) => item)));
    return { group, section: document.getElementById(id), items, title: title.toLowerCase() };
  });
  links.replaceChildren(...groups.map(({ group }) => group));
  search(groups);
  follow(links);
}

/** Shows in the contents, and in the page, what has all the words. */
function search(groups) {
  const field = document.getElementById("search");
  const contents = document.getElementById("contents");
  // On a phone the table of contents would fill the first screens.
  const isNarrow = matchMedia("(max-width: 55rem)").matches;
  contents.open = !isNarrow;
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { group, section, items, title } of groups) {
      for (const { item, article, text } of items) {
        item.hidden = article.hidden = !words.every((word) => text.includes(word));
        if (!item.hidden) found += 1;
      }
      const isTitled = words.length === 0 || words.every((word) => title.includes(word));
      group.hidden = section.hidden = !isTitled && items.every(({ item }) => item.hidden);
      if (isTitled) found += 1;
    }
    contents.open = words.length > 0 || !isNarrow;
    const wanted = field.value.trim();
    document.getElementById("found").textContent = words.length === 0 ? "" : found === 0 ? `No match for “${wanted}”.` : `${found} found`;
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") links().find((link) => link.checkVisibility())?.click();
    if (event.key !== "Escape") return;
    field.value = "";
    field.dispatchEvent(new Event("input"));
  });
  const links = () => [...document.querySelectorAll("#links li:not([hidden]) a")];
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, textarea, select")) return;
    event.preventDefault();
    field.focus();
  });
}

/** Highlights the link to the visible section. */
function follow(links) {
  const byId = new Map([...links.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
  const observer = new IntersectionObserver((seen) => {
    const entry = seen.find(({ isIntersecting }) => isIntersecting);
    if (!entry) return;
    links.querySelector("[aria-current]")?.removeAttribute("aria-current");
    byId.get(entry.target.id)?.setAttribute("aria-current", "true");
  }, { rootMargin: "-10% 0px -80% 0px" });
  for (const article of document.querySelectorAll("article")) observer.observe(article);
}
