// Writes src/types.ts from the API documents of the server (`chattrix openapi`, `chattrix asyncapi`). With --check it
// writes nothing, and fails if the file differs.
//
//   CHATTRIX=path/to/chattrix node scripts/generate.mjs [--check]

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FILE = fileURLToPath(new URL("../src/types.ts", import.meta.url));
const PROGRAM = process.env.CHATTRIX ?? fileURLToPath(new URL("../../../target/debug/chattrix", import.meta.url));

const print = (command) => JSON.parse(execFileSync(PROGRAM, [command], { encoding: "utf8", maxBuffer: 64 << 20 }));

function comment(text, indent = "") {
  return text ? `${indent}/** ${text.replaceAll("*/", "* /").replaceAll("\n", " ")} */\n` : "";
}

/** Returns the TypeScript of a JSON Schema. */
function type(schema, indent = "") {
  if (!schema) return "unknown";
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  // Types of the team's own, by which messages are told from those of calls.
  if (schema.pattern?.startsWith("^app\\.")) return "`app.${string}`";
  if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(" | ");
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (alternatives) return alternatives.map((one) => type(one, indent)).join(" | ");
  if (schema.allOf) return schema.allOf.map((one) => type(one, indent)).join(" & ");
  if (Array.isArray(schema.type)) return schema.type.map((one) => type({ ...schema, type: one }, indent)).join(" | ");
  switch (schema.type) {
    case "array": return `Array<${type(schema.items, indent)}>`;
    case "integer": case "number": return "number";
    case "string": return "string";
    case "boolean": return "boolean";
    case "null": return "null";
    case "object": return object(schema, indent);
    default: return "unknown";
  }
}

function object(schema, indent) {
  const all = Object.keys(schema.properties ?? {});
  if (all.length === 0) return "Record<string, never>";
  const required = schema.required ?? [];
  const names = [...new Set([...required.filter((name) => all.includes(name)), ...all])];
  const fields = names.map((name) => {
    const field = schema.properties[name];
    const optional = required.includes(name) ? "" : "?";
    const value = type(field, `${indent}  `);
    return `${comment(field.description, `${indent}  `)}${indent}  ${name}${optional}: ${value}${optional ? " | undefined" : ""};\n`;
  });
  return `{\n${fields.join("")}${indent}}`;
}

function schemas(...documents) {
  const all = Object.assign({}, ...documents.map((document) => document.components.schemas));
  return Object.keys(all).sort().map((name) => `${comment(all[name].description)}export type ${name} = ${type(all[name])};\n`);
}

const METHODS = ["get", "post", "put", "patch", "delete"];

/** The operations whose responses have the envelope. */
function operations({ paths }) {
  const found = [];
  for (const [path, item] of Object.entries(paths)) {
    for (const method of METHODS.filter((method) => item[method])) {
      const operation = item[method];
      const [, success] = Object.entries(operation.responses).find(([status]) => status.startsWith("2")) ?? [];
      const envelope = success?.content?.["application/json"]?.schema?.properties;
      if (envelope?.data) found.push({ path, method, operation, data: envelope.data });
    }
  }
  return found;
}

function parameters(operation, place) {
  const list = (operation.parameters ?? []).filter((parameter) => parameter.in === place);
  if (list.length === 0) return "undefined";
  return object({
    required: list.filter(({ required }) => required).map(({ name }) => name),
    properties: Object.fromEntries(list.map(({ name, schema, description }) => [name, { ...schema, ...(schema.$ref ? {} : { description }) }])),
  }, "    ");
}

function rest(openapi) {
  const all = operations(openapi);
  const types = all.map(({ operation, data }) => {
    const content = operation.requestBody?.content["application/json"].schema;
    return `${comment(operation.summary, "  ")}  ${operation.operationId}: {
    path: ${parameters(operation, "path")};
    query: ${parameters(operation, "query")};
    body: ${content ? type(content, "    ") : "undefined"};
    data: ${type(data, "    ")};
  };\n`;
  });
  const table = all.map(({ path, method, operation }) =>
    `  ${operation.operationId}: [${JSON.stringify(method.toUpperCase())}, ${JSON.stringify(path)}],\n`);
  return [
    `/** Arguments and data of each REST operation. */\nexport interface Operations {\n${types.join("")}}\n`,
    `/** Method and path of each operation. */\nexport const OPERATIONS = {\n${table.join("")}} as const;\n`,
  ];
}

function socket(asyncapi) {
  const said = (action) => Object.values(asyncapi.operations).filter((operation) => operation.action === action).map((operation) => {
    const key = operation.messages[0].$ref.split("/").at(-1);
    const message = asyncapi.components.messages[key];
    const name = message.name === "app.*" ? "[type: `app.${string}`]" : JSON.stringify(message.name);
    return `${comment(`${message.summary}.`, "  ")}  ${name}: ${type(message.payload, "  ")};\n`;
  });
  const codes = asyncapi.channels.chat["x-close-codes"].map(({ code, reason }) => `  /** ${reason} */\n  | ${code}`);
  return [
    `/** Messages from the server, by type. */\nexport interface ServerMessages {\n${said("send").join("")}}\n`,
    `/** Messages from the client, by type. */\nexport interface ClientMessages {\n${said("receive").join("")}}\n`,
    `/** Close codes of the server. */\nexport type CloseCode =\n${codes.join("\n")};\n`,
  ];
}

const [openapi, asyncapi] = [print("openapi"), print("asyncapi")];
const text = [
  "// Generated by scripts/generate.mjs from the server's API documents. Do not edit.\n",
  ...schemas(asyncapi, openapi), ...rest(openapi), ...socket(asyncapi),
].join("\n");

if (process.argv.includes("--check")) {
  if (readFileSync(FILE, "utf8") !== text) {
    console.error("src/types.ts differs from the API documents: run npm run generate");
    process.exit(1);
  }
} else {
  writeFileSync(FILE, text);
}
