// JSON Schemas as tables of fields.

import { el, inline, table } from "./dom.js";

/** Returns the field names of an object: required ones first, in their own order. */
function names(schema) {
  const all = Object.keys(schema?.properties ?? {});
  const required = (schema?.required ?? []).filter((name) => all.includes(name));
  return [...new Set([...required, ...all])];
}

/** Returns the alternatives of a schema, if it has some. */
const oneOf = (schema) => schema?.oneOf ?? schema?.anyOf;

/** Schemas of a document, by name. */
export class Schemas {
  #document;

  constructor(document) {
    this.#document = document;
  }

  /** Resolves a `$ref`. */
  resolve(node) {
    if (!node?.$ref) return node;
    const steps = node.$ref.slice(2).split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    return steps.reduce((found, step) => found?.[step], this.#document);
  }

  /** Renders the fields of an object as a table, or nothing without fields. */
  fields(schema) {
    const rows = this.#rows(this.resolve(schema), 0);
    return rows.length === 0 ? null : table(["Field", "Type", "Meaning"], rows);
  }

  #rows(schema, depth) {
    return names(schema).flatMap((name) => {
      const field = schema.properties[name];
      const optional = !schema.required?.includes(name);
      const row = [
        el("td", { class: `depth-${Math.min(depth, 2)}` }, el("code", {}, name), optional && el("span", { class: "optional" }, " optional")),
        el("td", {}, this.type(field)),
        el("td", {}, this.#meaning(field)),
      ];
      return [row, ...this.#rows(this.#inner(field), depth + 1)];
    });
  }

  /** Returns `value` with its fields in the order of `schema`. */
  ordered(value, schema) {
    if (Array.isArray(value)) {
      const { items } = this.#shapes(schema).find((shape) => shape.items) ?? {};
      return value.map((item) => this.ordered(item, items));
    }
    if (value === null || typeof value !== "object") return value;
    const shapes = this.#shapes(schema);
    const known = shapes.flatMap(names).filter((name) => name in value);
    const field = (name) => shapes.map((shape) => shape.properties?.[name]).find(Boolean);
    return Object.fromEntries([...new Set([...known, ...Object.keys(value)])].map((name) =>
      [name, this.ordered(value[name], field(name))]));
  }

  /** Returns the alternatives of `schema`. */
  #shapes(schema) {
    const whole = this.resolve(schema);
    if (!whole) return [];
    return [whole, ...[...(whole.allOf ?? []), ...(oneOf(whole) ?? [])].flatMap((part) => this.#shapes(part))];
  }

  /** Returns the nested object of `field`, or of its list items. */
  #inner(field) {
    const [one] = this.#alternatives(field);
    const schema = this.resolve(one);
    if (schema?.type === "array") return this.resolve(schema.items);
    return schema?.properties ? schema : null;
  }

  #alternatives(schema) {
    return oneOf(schema)?.filter((one) => one.type !== "null") ?? [schema];
  }

  /** Renders the type of a value, with a link if it has a name. */
  type(schema) {
    if (schema?.$ref) {
      const name = schema.$ref.split("/").at(-1);
      return el("a", { href: `#type-${name}` }, name);
    }
    if (oneOf(schema)) return oneOf(schema).flatMap((one, index) => [index > 0 && " or ", this.type(one)]);
    if (schema?.allOf) return schema.allOf.filter((one) => one.$ref).map((one) => this.type(one));
    if (schema?.type === "array") return ["list of ", this.type(schema.items)];
    if (schema?.const !== undefined) return el("code", {}, JSON.stringify(schema.const));
    if (schema?.enum) return schema.enum.flatMap((word, index) => [index > 0 && " ", el("code", {}, JSON.stringify(word))]);
    const types = [schema?.type ?? "any"].flat();
    return types.join(" or ");
  }

  #meaning(field) {
    const [one] = this.#alternatives(field);
    const text = field.description ?? one?.description ?? (one?.$ref ? this.resolve(one)?.description : undefined);
    const named = one?.$ref ? this.resolve(one) : null;
    return [inline(text), this.limits(field), named?.enum && el("p", { class: "limits" }, this.type(named))];
  }

  /** Renders the constraints of a value. */
  limits(schema) {
    const said = [
      schema?.format && schema.format,
      schema?.minimum !== undefined && `from ${schema.minimum}${schema.maximum === undefined ? "" : ` to ${schema.maximum}`}`,
      schema?.maxLength !== undefined && `${schema.minLength ?? 0} to ${schema.maxLength} characters`,
      schema?.default !== undefined && `default ${JSON.stringify(schema.default)}`,
    ].filter(Boolean);
    const pattern = schema?.pattern && el("code", {}, schema.pattern);
    if (said.length === 0 && !pattern) return null;
    return el("p", { class: "limits" }, said.join(", "), said.length > 0 && pattern && ", ", pattern);
  }
}
