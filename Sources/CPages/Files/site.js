// What the pages need.

/** An element; strings among its children become text, never markup. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** A button that copies the text of `source`, and says so. */
export function copyButton(source, label) {
  const button = el("button", { type: "button", class: "copy", "aria-label": label }, "Copy");
  const said = el("span", { class: "away", role: "status" });
  button.addEventListener("click", async () => {
    const done = await copy(source);
    button.textContent = done ? "Copied" : "Selected";
    said.textContent = done ? "Copied" : "Selected. Copy it with the keyboard.";
    setTimeout(() => {
      button.textContent = "Copy";
      said.textContent = "";
    }, 2000);
  });
  return el("span", { class: "copier" }, button, said);
}

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    // Browsers have no clipboard on plain http:// (localhost aside): leave the text selected.
    getSelection().selectAllChildren(source);
    return false;
  }
}

/** Why the server refused, in words, from its problem document. */
export async function refusal(answer) {
  const type = answer.headers.get("Content-Type") ?? "";
  if (!type.startsWith("application/problem+json")) return [`The server answered ${answer.status}.`];
  const problem = await answer.json();
  const words = [`${problem.title}. ${problem.detail} `];
  // Only our own descriptions: whatever else a proxy might send is no link to offer.
  if (problem.type?.startsWith("/docs#")) words.push(el("a", { href: problem.type }, "What this means"));
  return words;
}
