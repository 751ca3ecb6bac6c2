// DOM elements, and the subset of Markdown that descriptions use. Text always becomes text nodes.

/** Creates the element `name` with attributes and children; null children are skipped. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(attribute, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(attribute, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Renders paragraphs, lists and `code`. */
export function markdown(text) {
  return (text ?? "").split(/\n{2,}/).filter(Boolean).map((block) => {
    const lines = block.split("\n");
    if (lines.every((line) => line.startsWith("- "))) {
      return el("ul", {}, lines.map((line) => el("li", {}, inline(line.slice(2)))));
    }
    return el("p", {}, inline(block));
  });
}

/** Renders one line of Markdown. */
export function inline(text) {
  return (text ?? "").split(/(`[^`]+`)/).filter(Boolean).map((part) =>
    part.startsWith("`") && part.endsWith("`") ? el("code", {}, part.slice(1, -1)) : part);
}

/** Renders a table; a row is a list of cells. */
export function table(head, rows) {
  return el("div", { class: "table" },
    el("table", {},
      el("thead", {}, el("tr", {}, head.map((cell) => el("th", { scope: "col" }, cell)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) =>
        cell instanceof HTMLTableCellElement ? cell : el("td", {}, cell)))))));
}

/** Renders a JSON value with syntax colours. */
export function json(value) {
  const text = JSON.stringify(value, null, 2);
  const tokens = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*|true|false|null)/g;
  const code = el("code");
  let end = 0;
  for (const match of text.matchAll(tokens)) {
    code.append(text.slice(end, match.index));
    const [whole, string, colon] = match;
    const kind = string ? (colon ? "key" : "string") : "number";
    code.append(el("span", { class: kind }, string ?? whole), colon ?? "");
    end = match.index + whole.length;
  }
  code.append(text.slice(end));
  return el("pre", { tabindex: "0" }, code);
}

/** Renders shell commands. */
export function shell(text) {
  return el("pre", { tabindex: "0" }, el("code", {}, text));
}
