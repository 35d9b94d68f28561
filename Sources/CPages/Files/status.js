import { el } from "./site.js";

const everyMs = 2000;
const patienceMs = 5000;
const byId = (id) => document.getElementById(id);

// --- Numbers as people read them

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

function span(seconds) {
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}

const count = (number) => number.toLocaleString("en");
const ago = (ms) => `${span(Math.max(0, (Date.now() - ms) / 1000))} ago`;

// --- What it comes to

const meanings = {
  local: "A write is answered when it is on this machine's disk. There is no replica: whoever loses the disk loses the data.",
  async: "A write is answered when it is on this machine's disk; the replica follows shortly after.",
  replicated: "A write is answered only when it is in the replica. Losing this machine loses nothing.",
};

// How it is, in a few words, and what follows from that. In trouble, the promise of better days would mislead.
function verdict(status) {
  const meaning = meanings[status.durability] ?? "";
  const bad = status.replicas.filter((replica) => replica.state === "failing" || replica.state === "stopped");
  if (bad.length > 0) {
    const headline = bad.length === 1 ? `The replica ${bad[0].name} has trouble` : `${bad.length} replicas have trouble`;
    if (bad.some((replica) => replica.is_gate)) {
      return ["bad", headline, "Writes wait for it, and are answered 503 until it is well again. What was answered is in it; reads go on."];
    }
    if (status.durability === "replicated") return ["bad", headline, "Writes go on. What it lacks is in the first replica, and it catches up."];
    return ["bad", headline, "Writes go on, on this machine's disk alone: keep the disk until it has caught up."];
  }
  if (status.restore_proof && !status.restore_proof.succeeded) {
    return ["bad", "The last restore proof failed", "The replica may not bring the data back. Keep the disk, and stop deploys, until api verify passes."];
  }
  if (status.replicas.some((replica) => replica.state === "starting")) return ["warn", "A replica is starting", meaning];
  if (status.replicas.length === 0) return ["warn", "Serving, from one disk", meaning];
  return ["good", "The data is safe", meaning];
}

// --- The page

function figure(name, value, note) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value, ...(note ? [el("span", { class: "quiet" }, note)] : [])));
}

function rows(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined);
  return el("dl", { class: "facts-list" }, ...known.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function replicaCard(replica) {
  const { usage, estimate } = replica;
  const tone = { ok: "good", starting: "warn", failing: "bad", stopped: "bad" }[replica.state];
  const cost = estimate && (estimate.cents_a_month === null
    ? "known after an hour"
    : `about $${(estimate.cents_a_month / 100).toFixed(2)} a month`);
  return el(
    "article",
    { class: "card" },
    el("h3", {}, replica.name, " ", el("span", { class: `badge ${tone}` }, replica.state)),
    ...(replica.problem ? [el("p", { class: "trouble" }, replica.problem)] : []),
    rows([
      ["Role", replica.is_gate ? "gate: writes wait for it" : "follower"],
      ["Lag", replica.lag_milliseconds === null ? null : replica.lag_milliseconds < 1000 ? "none" : span(replica.lag_milliseconds / 1000)],
      ["Transaction", replica.txid],
      ["Last snapshot", replica.snapshot_time_ms === null ? "none yet" : ago(replica.snapshot_time_ms)],
      ["Stored", usage?.stored_bytes === null || !usage ? null : size(usage.stored_bytes)],
      ["Requests", usage && `${count(usage.write_requests)} writing, ${count(usage.read_requests)} reading`],
      ["Moved", usage && `${size(usage.sent_bytes)} sent, ${size(usage.received_bytes)} received`],
      ["Cost", cost],
    ]),
    ...(estimate ? [el("p", { class: "quiet fine-print" }, `At the list prices of ${estimate.prices}: requests as since the start, and what is stored now. Without traffic, old versions, the free tier, and the machine.`)] : []),
  );
}

function show(status) {
  const [tone, headline, meaning] = verdict(status);
  byId("verdict").className = `verdict ${tone}`;
  // Said again only when it changes: this is read out.
  if (byId("headline").textContent !== headline) byId("headline").textContent = headline;
  if (byId("meaning").textContent !== meaning) byId("meaning").textContent = meaning;
  const { database } = status;
  byId("figures").replaceChildren(
    figure("Database", size(database.bytes), `journal: ${database.journal_mode}`),
    figure("Write-ahead log", size(database.wal_bytes)),
    figure("Up for", span(status.uptime_seconds), `version ${status.version}`),
    figure("Instance", el("code", {}, status.instance)),
    figure("Schema", el("code", {}, ...(database.schema || "none").split(/(?<=_)/).flatMap((part) => [part, el("wbr")]))),
  );
  byId("replicas").replaceChildren(
    ...(status.replicas.length > 0 ? status.replicas.map(replicaCard) : [el("p", { class: "quiet" }, "There is none.")]),
  );
  const proof = status.restore_proof;
  byId("proof").replaceChildren(
    ...(proof
      ? [
          el("span", { class: `badge ${proof.succeeded ? "good" : "bad"}` }, proof.succeeded ? "passed" : "failed"),
          ` ${ago(proof.time_ms)}, in ${(proof.duration_ms / 1000).toFixed(1)} s${proof.succeeded ? "." : ":"} ${proof.detail}`,
        ]
      : [el("span", { class: "quiet" }, "No restore has been tried since the start.")]),
  );
  byId("tables").replaceChildren(
    ...database.tables.map((table) =>
      el("tr", {}, el("th", { scope: "row" }, table.name), el("td", {}, table.rows === null ? "many" : count(table.rows))),
    ),
  );
  document.querySelector("main").setAttribute("aria-busy", "false");
}

// --- Live

let seenAt = null;

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch("/status.json", { signal: AbortSignal.timeout(patienceMs) });
      if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
      show(await answer.json());
      seenAt = Date.now();
      byId("seen").textContent = "Live.";
    } catch (error) {
      byId("verdict").className = "verdict bad";
      byId("headline").textContent = "No answer";
      byId("meaning").textContent = `What is below is old: ${error.message}.`;
      byId("seen").textContent = seenAt ? `Last seen ${ago(seenAt)}.` : "";
    }
  }
  setTimeout(look, everyMs);
}

look();
