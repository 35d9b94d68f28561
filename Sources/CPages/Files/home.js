import { copyButton, el, refusal } from "./site.js";

const pasteBytesMax = 2 * 1024 * 1024;
const stateEveryMs = 10_000;
// Unicode's White_Space, which is what the server calls blank; \s is not the same (U+FEFF, U+0085).
const notBlank = /[^\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

const byId = (id) => document.getElementById(id);
const form = byId("paste");
const text = byId("text");
const fileInput = byId("file");
const fileRemove = byId("file-remove");
const store = byId("store");
const stored = byId("stored");
const trouble = byId("trouble");

// --- The paste box

let isSending = false;

function readable(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / (1024 * 1024)).toFixed(2)} MiB`;
}

/** Makes the form show what would be sent now, and whether it can be. */
function update() {
  const file = fileInput.files[0];
  const bytes = (file ?? new Blob([text.value])).size;
  const isOver = bytes > pasteBytesMax;
  text.disabled = file !== undefined;
  fileRemove.hidden = file === undefined;
  byId("size").textContent = `${readable(bytes)} of 2 MiB`;
  const tooLarge = byId("size-trouble");
  tooLarge.hidden = !isOver;
  tooLarge.textContent = isOver
    ? `That is ${bytes.toLocaleString("en")} bytes; at most ${pasteBytesMax.toLocaleString("en")} can be stored.`
    : "";
  store.disabled = isOver || (file ? bytes === 0 : !notBlank.test(text.value));
}

/** What was wrong with the last paste says nothing about the next one. */
function changed() {
  trouble.replaceChildren();
  update();
}

async function send() {
  isSending = true;
  stored.replaceChildren();
  trouble.replaceChildren();
  store.textContent = "Storing …"; // Not disabled: that would take the keyboard's focus away.
  try {
    // A file goes as it is: through the text box it would lose its line ends, and what is not UTF-8.
    const body = fileInput.files[0] ?? text.value;
    const answer = await fetch("/", { method: "PUT", headers: { "Content-Type": "text/plain; charset=utf-8" }, body });
    if (answer.ok) showStored((await answer.json()).id);
    else trouble.replaceChildren(el("p", { class: "trouble" }, "Not stored. ", ...(await refusal(answer))));
  } catch {
    trouble.replaceChildren(el("p", { class: "trouble" }, "It could not be sent, or no answer came. Try again."));
  } finally {
    isSending = false;
    store.textContent = "Store paste";
  }
}

function showStored(id) {
  const address = new URL(`/${id}`, location.origin).href;
  const link = el("a", { href: address }, address);
  const words = el("span", {}, "Stored at ", link);
  stored.replaceChildren(el("p", { class: "stored" }, words, copyButton(link, "Copy the address")));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!isSending) send();
});
text.addEventListener("input", changed);
fileInput.addEventListener("change", changed);
fileRemove.addEventListener("click", () => {
  fileInput.value = "";
  changed();
  text.focus();
});

// A file may be dropped anywhere: next to the box the browser would leave the page to show it.
const carriesFile = (event) => event.dataTransfer.types.includes("Files");
document.addEventListener("dragover", (event) => {
  if (!carriesFile(event)) return;
  event.preventDefault();
  form.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) form.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  if (!carriesFile(event)) return;
  event.preventDefault();
  form.classList.remove("dropping");
  fileInput.files = event.dataTransfer.files;
  changed();
});

// A browser that goes back to this page fills the form in again, after the scripts ran.
addEventListener("pageshow", update);
update();

// --- What runs here

async function showState() {
  if (document.hidden) return;
  let state, words;
  try {
    const answer = await fetch("/readyz", { cache: "no-store" });
    state = answer.ok ? "ready" : "waiting";
    words = answer.ok ? "Ready" : "Not ready";
  } catch {
    state = "gone";
    words = "No answer";
  }
  const chip = byId("state");
  if (chip.dataset.state === state) return; // Said once is enough for a screen reader.
  chip.dataset.state = state;
  chip.textContent = words;
}

async function showVersion() {
  const answer = await fetch("/openapi.json");
  if (answer.ok) byId("version").textContent = `Version ${(await answer.json()).info.version}`;
}

showState();
setInterval(showState, stateEveryMs);
document.addEventListener("visibilitychange", showState);
showVersion();

// --- The curl lines

for (const origin of document.querySelectorAll(".origin")) origin.textContent = location.origin;
for (const command of document.querySelectorAll(".command")) {
  const does = command.querySelector("h3").textContent;
  command.append(copyButton(command.querySelector("code"), `Copy the command: ${does}`));
}
