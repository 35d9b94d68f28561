// Draws /openapi.json. It knows the parts of OpenAPI 3.1 that the document uses, and puts all of it in as text.
import { copyButton, el } from "./site.js";

const methods = ["get", "post", "put", "patch", "delete"];
const shownCharactersMax = 20_000;
const patternCharactersMax = 60; // A longer one is folded away.

let api; // the document

// --- Reading the document

/** What a reference leads to, with what stands beside the reference laid over it. */
function resolve(node) {
  if (!node?.$ref) return node;
  const { $ref, ...beside } = node;
  const target = resolve($ref.slice(2).split("/").reduce((at, key) => at[key], api));
  const properties = { ...target.properties };
  for (const [name, schema] of Object.entries(beside.properties ?? {})) {
    properties[name] = { ...resolve(properties[name]), ...resolve(schema) };
  }
  const whole = { ...target, ...beside };
  if (target.properties) whole.properties = properties;
  // For a schema this is a list of names; for a parameter, a header or a body it is a flag.
  if (Array.isArray(target.required)) whole.required = [...target.required, ...(beside.required ?? [])];
  return whole;
}

const schemaName = (schema) => schema.$ref?.match(/^#\/components\/schemas\/(.+)$/)?.[1];

/** A value that the schema allows, from its examples where there are any. */
function sample(node) {
  const schema = resolve(node);
  if ("const" in schema) return schema.const;
  if (schema.examples) return schema.examples[0];
  if (schema.enum) return schema.enum[0];
  if ("default" in schema) return schema.default;
  if (schema.type === "array") return [sample(schema.items)];
  if (schema.type === "object") {
    return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, part]) => [name, sample(part)]));
  }
  return schema.type === "integer" ? schema.minimum : "…";
}

/** The example of a request or an answer as it travels. */
function sampleText({ schema, example }, indent) {
  const value = example ?? sample(schema);
  return typeof value === "string" ? value : JSON.stringify(value, null, indent);
}

const operations = () =>
  Object.entries(api.paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((key) => methods.includes(key))
      .map((method) => {
        const operation = item[method];
        const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])].map(resolve);
        const [bodyType, body] = Object.entries(resolve(operation.requestBody)?.content ?? {})[0] ?? [];
        return { ...operation, path, method: method.toUpperCase(), parameters, bodyType, body };
      }),
  );

// --- Prose

/** The little Markdown that the document has: paragraphs, lists and code. */
function prose(text) {
  const blocks = text.split("\n\n").filter(Boolean);
  return blocks.map((block) =>
    block.startsWith("- ")
      ? el("ul", {}, ...block.split("\n").map((line) => el("li", {}, ...inline(line.slice(2)))))
      : el("p", {}, ...inline(block)),
  );
}

const inline = (text) => text.split("`").map((part, index) => (index % 2 === 1 ? el("code", {}, part) : part));

// --- Schemas

// 2⁶³-1 is more than a number in JavaScript can hold: JSON.parse gives 2⁶³ for it.
const numberText = (number) => (number === 2 ** 63 ? "9223372036854775807" : String(number));

function range(minimum, maximum, unit = "") {
  if (minimum === undefined && maximum === undefined) return [];
  if (minimum === 1 && maximum === undefined && unit) return ["not empty"];
  if (maximum === undefined) return [`at least ${numberText(minimum)}${unit}`];
  if (minimum === undefined) return [`at most ${numberText(maximum)}${unit}`];
  return [`${numberText(minimum)} to ${numberText(maximum)}${unit}`];
}

function typeText(schema) {
  if (schema.type === "array") return `array of ${schemaName(schema.items) ?? typeText(resolve(schema.items))}`;
  if (schema.type) return [schema.type].flat().join(" or ");
  return "const" in schema ? typeof schema.const : "";
}

/** The rules of one schema, each a list item's content. */
function rules(schema) {
  const code = (value) => el("code", {}, typeof value === "string" ? value : JSON.stringify(value));
  if ("const" in schema) return [["always ", code(schema.const)]];
  const ranges = [
    ...range(schema.minimum, schema.maximum),
    ...range(schema.minLength, schema.maxLength, " characters"),
    ...range(schema.minItems, schema.maxItems, " items"),
  ];
  const facts = ranges.map((text) => [text]);
  if (schema.enum) facts.push(["one of ", ...listed(schema.enum.map(code))]);
  if ("default" in schema) facts.push(["if absent ", code(schema.default)]);
  if (schema.format) facts.push(["format ", code(schema.format)]);
  if (schema.pattern) facts.push([patternView(schema.pattern)]);
  if (schema.additionalProperties === false) facts.push(["no other keys"]);
  else if (schema.additionalProperties) facts.push(["any other name: ", ...nested(schema.additionalProperties)]);
  if (schema.not) facts.push(["but not: ", ...nested(schema.not)]);
  return facts;
}

/** With a comma between each two. */
const listed = (nodes) => nodes.flatMap((node, index) => (index > 0 ? [", ", node] : [node]));

function patternView(pattern) {
  if (pattern.length <= patternCharactersMax) return el("span", {}, "matches ", el("code", {}, pattern));
  return el("details", {}, el("summary", {}, "matches a pattern"), el("code", {}, pattern));
}

/** A schema inside a rule, in a line. */
function nested(node) {
  const schema = resolve(node);
  return [typeText(schema), ...rules(schema).flatMap((fact) => [" ", ...fact])];
}

/** A schema's description and rules, and below it the same of all that it is made of. */
function schemaView(node) {
  const schema = resolve(node);
  const view = [];
  const facts = rules(schema);
  if (schema.description) view.push(...prose(schema.description));
  if (facts.length > 0) view.push(el("ul", { class: "rules" }, ...facts.map((fact) => el("li", {}, ...fact))));
  if (schema.properties) {
    const rows = Object.entries(schema.properties).map(([name, part]) =>
      row(name, part, schema.required?.includes(name) ? "required" : ""),
    );
    view.push(el("ul", { class: "rows" }, ...rows));
  }
  // A named item is described under its name.
  if (schema.items && !schemaName(schema.items)) view.push(...schemaView(schema.items));
  return view;
}

function typeLabel(node) {
  const name = schemaName(node);
  const itemName = node.items && schemaName(node.items);
  const label = el("span", { class: "type" }, itemName ? "array of " : typeText(resolve(node)));
  if (itemName) label.append(schemaLink(itemName));
  if (name) label.append(" · ", schemaLink(name));
  return label;
}

const schemaLink = (name) => el("a", { href: `#schema-${name}` }, name);

function row(name, schema, note) {
  const head = el("p", { class: "row-head" }, el("code", {}, name), typeLabel(schema));
  if (note) head.append(el("span", { class: "note" }, note));
  return el("li", {}, head, ...schemaView(schema));
}

function parameterRow(parameter) {
  const item = row(parameter.name, parameter.schema, parameter.required ? "required" : "");
  item.querySelector(".row-head").append(el("span", { class: "note" }, `in ${parameter.in}`));
  if (parameter.description) item.querySelector(".row-head").after(...prose(parameter.description));
  return item;
}

// --- Requests: what the form of an operation says, as a curl line and for fetch

function request(operation, values) {
  let path = operation.path;
  const query = new URLSearchParams();
  for (const { name, in: place } of operation.parameters) {
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(values.get(name)));
    else if (values.get(name) !== "") query.append(name, values.get(name));
  }
  const search = query.toString();
  const url = location.origin + path + (search && `?${search}`);
  return { method: operation.method, url, bodyType: operation.bodyType, body: values.get("body") };
}

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function curlLine({ method, url, bodyType, body }) {
  const words = ["curl"];
  const isForm = bodyType === "multipart/form-data";
  if (method !== (bodyType ? "POST" : "GET")) words.push("-X", method);
  if (isForm) words.push("--form-string", quoted(`file=${body}`));
  else if (bodyType) words.push(body.startsWith("@") ? "--data-raw" : "-d", quoted(body)); // -d @x sends the file x
  words.push(/[?&']/.test(url) ? quoted(url) : url);
  return words.join(" ");
}

function send({ method, url, bodyType, body }) {
  if (!bodyType) return fetch(url, { method });
  if (bodyType !== "multipart/form-data") return fetch(url, { method, body, headers: { "Content-Type": bodyType } });
  const form = new FormData();
  form.append("file", body);
  return fetch(url, { method, body: form });
}

function field(operation, name, note, control) {
  control.id = `${operation.operationId}-${name}`;
  control.name = name;
  return el("p", {}, el("label", { for: control.id }, name, " ", el("span", { class: "quiet" }, note)), control);
}

function parameterControl({ schema, required }) {
  const resolved = resolve(schema);
  if (resolved.enum) {
    return el("select", {}, el("option", { value: "" }), ...resolved.enum.map((value) => el("option", {}, value)));
  }
  // Not type=number: what breaks a rule must be sendable, to see the answer.
  const placeholder = "default" in resolved ? String(resolved.default) : undefined;
  const value = required ? String(sample(schema)) : undefined;
  return el("input", { type: "text", autocomplete: "off", placeholder, value });
}

/** The curl line, and the form that changes it and sends the request from here. */
function tryIt(operation) {
  const form = el("form", { class: "try" });
  for (const parameter of operation.parameters) {
    form.append(field(operation, parameter.name, `in ${parameter.in}`, parameterControl(parameter)));
  }
  if (operation.body) {
    const text = el("textarea", { rows: 5, spellcheck: "false" });
    const isForm = operation.bodyType === "multipart/form-data";
    text.value = isForm ? operation.body.example.file : sampleText(operation.body);
    form.append(field(operation, "body", operation.bodyType, text));
  }
  const received = el("div", { class: "received", role: "status" });
  form.append(el("button", { type: "submit", class: "primary" }, "Send"), received);

  const code = el("code");
  const show = () => (code.textContent = curlLine(request(operation, new FormData(form))));
  form.addEventListener("input", show);
  show();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const answer = await send(request(operation, new FormData(form)));
      received.replaceChildren(...(await receivedView(answer)));
    } catch {
      received.replaceChildren(el("p", { class: "trouble" }, "No answer came from the server."));
    }
  });
  const command = el("div", { class: "command" }, el("h4", {}, "curl"), el("pre", {}, code));
  command.append(copyButton(code, `Copy the command: ${operation.summary}`));
  const [type, success] = Object.entries(resolve(Object.values(operation.responses)[0]).content)[0];
  if (type !== "text/html") command.append(el("pre", { class: "answer" }, sampleText(success, 2)));
  return [command, el("details", {}, el("summary", {}, "Try it"), form)];
}

async function receivedView(answer) {
  const lines = [`${answer.status} ${answer.statusText}`.trim()]; // HTTP/2 has no status text
  for (const name of ["Content-Type", "Location", "Link", "Allow", "Retry-After", "X-Request-Id"]) {
    if (answer.headers.has(name)) lines.push(`${name}: ${answer.headers.get(name)}`);
  }
  let text = await answer.text();
  if (text.length > shownCharactersMax) {
    text = `${text.slice(0, shownCharactersMax)}\n… (${text.length} characters in all)`;
  }
  return [el("pre", {}, el("code", {}, lines.join("\n"))), el("pre", {}, el("code", {}, text))];
}

// --- The page

function responseView([status, reference]) {
  const response = resolve(reference);
  const badge = el("code", { class: status.startsWith("2") ? "status good" : "status" }, status);
  const view = el("details", { class: "response" }, el("summary", {}, badge, " ", ...inline(response.description)));
  const headers = Object.entries(response.headers ?? {});
  if (headers.length > 0) {
    view.append(
      el("h5", {}, "Header fields"),
      el("ul", { class: "rows" }, ...headers.map(([name, node]) => headerRow(name, resolve(node)))),
    );
  }
  for (const [type, media] of Object.entries(response.content ?? {})) {
    view.append(el("h5", {}, "Body ", el("code", {}, type), " ", typeLabel(media.schema)), ...schemaView(media.schema));
    if (type !== "text/html") view.append(el("pre", {}, el("code", {}, sampleText(media, 2))));
  }
  const links = Object.values(response.links ?? {});
  if (links.length > 0) {
    const names = links.map(({ operationId }) => el("a", { href: `#${operationId}` }, operationId));
    view.append(el("p", { class: "quiet" }, "What it answers can be given to ", ...listed(names), "."));
  }
  return view;
}

function headerRow(name, header) {
  const item = row(name, header.schema, header.required ? "" : "not always");
  item.querySelector(".row-head").after(...prose(header.description));
  return item;
}

const methodBadge = (method) => el("span", { class: `method ${method.toLowerCase()}` }, method);

function operationView(operation) {
  const { operationId, method, path, summary, parameters, bodyType, body } = operation;
  const heading = el("h3", {}, methodBadge(method), " ", el("a", { href: `#${operationId}` }, path));
  const lead = el("p", { class: "lead" }, summary, " ", el("code", { class: "id" }, operationId));
  const told = el("div", {}, lead, ...prose(operation.description ?? ""));
  if (parameters.length > 0) {
    told.append(el("h4", {}, "Parameters"), el("ul", { class: "rows" }, ...parameters.map(parameterRow)));
  }
  if (body) {
    told.append(
      el("h4", {}, "Body ", el("code", {}, bodyType), " ", typeLabel(body.schema)),
      ...prose(resolve(operation.requestBody).description),
      ...schemaView(body.schema),
    );
  }
  told.append(el("h4", {}, "Answers"), ...Object.entries(operation.responses).map(responseView));
  const split = el("div", { class: "split" }, told, el("div", { class: "doing" }, ...tryIt(operation)));
  return part(operationId, `${method} ${path} ${operationId} ${summary}`, heading, split);
}

/** An entry that has an address, and that the filter finds by `words`. */
function part(id, words, ...children) {
  return el("article", { id, "data-words": words.toLowerCase() }, ...children);
}

function schemaEntry([name, schema]) {
  const heading = el("h3", {}, el("a", { href: `#schema-${name}` }, name), " ", typeLabel(schema));
  const example = el("pre", {}, el("code", {}, sampleText({ schema }, 2)));
  return part(`schema-${name}`, `schema ${name}`, heading, ...schemaView(schema), example);
}

function problemEntry({ slug, status, title, meaning, remedy }) {
  const link = el("a", { href: `#problem-${slug}` }, title);
  const heading = el("h3", {}, el("code", { class: "status" }, String(status)), " ", link);
  return part(
    `problem-${slug}`,
    `problem ${slug} ${status} ${title}`,
    heading,
    el("p", { class: "quiet" }, el("code", {}, `/docs#problem-${slug}`)),
    el("p", {}, meaning),
    el("p", {}, el("strong", {}, "What to do: "), remedy),
  );
}

function group(title, id, description, entries) {
  const heading = el("h2", { id: `${id}-heading` }, title);
  return el("section", { id, "aria-labelledby": heading.id }, heading, ...prose(description), ...entries);
}

/** The list of contents, of what the page holds: one line for each entry, under its group. */
function indexView(groups) {
  return groups.map((section) => {
    const entries = [...section.querySelectorAll("article")].map((entry) => {
      const method = entry.querySelector("h3 .method")?.textContent;
      const link = el("a", { href: `#${entry.id}` }, entry.querySelector("h3 a").textContent);
      if (method) link.prepend(methodBadge(method), " ");
      return el("li", { "data-words": entry.dataset.words }, link);
    });
    const title = el("a", { href: `#${section.id}` }, section.querySelector("h2").textContent);
    return el("section", {}, el("p", {}, title), el("ul", {}, ...entries));
  });
}

function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const entry of document.querySelectorAll("[data-words]")) {
    entry.hidden = !words.every((word) => entry.dataset.words.includes(word));
  }
  for (const section of document.querySelectorAll("#content > section, #index > section")) {
    section.hidden = !section.querySelector("[data-words]:not([hidden])");
  }
  document.getElementById("intro").hidden = words.length > 0;
  const entries = [...document.querySelectorAll("article")];
  const shown = entries.filter((entry) => !entry.hidden).length;
  document.getElementById("matches").textContent = words.length > 0 ? `${shown} of ${entries.length} entries` : "";
}

/** Goes to the entry that the address names: it was not there yet, or is filtered away. */
function goToHash() {
  const target = document.getElementById(location.hash.slice(1));
  if (!target) return;
  if (target.closest("[hidden]")) {
    document.getElementById("filter").value = "";
    filter("");
  }
  // Names the same place again, for the browser to look anew: it scrolls there, and :target applies.
  location.replace(location.hash);
}

function draw() {
  const groups = api.tags.map(({ name, description }) => {
    const tagged = operations().filter(({ tags }) => tags.includes(name));
    return group(name, `tag-${name.toLowerCase()}`, description, tagged.map(operationView));
  });
  const problems = "Every error is one of these. A problem document's `type` is the address of its entry here.";
  groups.push(
    group("Problems", "problems", problems, api["x-problems"].map(problemEntry)),
    group("Schemas", "schemas", "What operations share.", Object.entries(api.components.schemas).map(schemaEntry)),
  );
  const heading = el("h1", {}, api.info.title, " ", el("span", { class: "quiet" }, api.info.version));
  const lead = el("p", { class: "lead" }, api.info.summary);
  const intro = el("div", { id: "intro" }, lead, ...prose(api.info.description));
  document.getElementById("content").replaceChildren(heading, intro, ...groups);
  document.getElementById("index").replaceChildren(...indexView(groups));
}

async function start() {
  const content = document.getElementById("content");
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    api = await answer.json();
  } catch (error) {
    const words = `openapi.json could not be read: ${error.message}. Load the page again.`;
    content.replaceChildren(el("p", { class: "trouble", role: "alert" }, words));
    return;
  }
  draw();
  const filterInput = document.getElementById("filter");
  filterInput.addEventListener("input", () => filter(filterInput.value));
  addEventListener("hashchange", goToHash);
  goToHash();
}

// Beside the text the contents are always open; above it, on a phone, only when asked for.
const isWide = matchMedia("(min-width: 60rem)");
const contents = document.getElementById("contents");
const fitContents = () => (contents.open = isWide.matches);
isWide.addEventListener("change", fitContents);
fitContents();
start();
