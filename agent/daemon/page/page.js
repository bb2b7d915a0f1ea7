/*
 * The status page: shows what /api/v1 says, and keeps it up to date by its
 * events. All text is set as text, never as HTML: specs and reasons are not ours.
 */
"use strict";

const SIGNS = {
  "in-sync": "✓", drifted: "≠", waiting: "…", failed: "✗", unknown: "?", never: "○", skipped: "–",
  done: "✓", blocked: "■", planned: "→", running: "↻",
};
const ORDER = ["failed", "unknown", "drifted", "waiting", "never", "in-sync"];
const MANY = 8; // more deployments than this are shown folded, and can be searched
const RETRY_MS = 3000;

const known = { agent: null, deployments: new Map() };
const opened = new Set();
const details = new Map(); // name: {report, history}
let token = sessionStorage.getItem("token") || "";
let lastHeard = Date.now();

/* --- building the document --- */

function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "rect", "line", "text", "title", "g"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

const word = (state, text = state) =>
  make("span", { class: `word ${state}`, "data-sign": SIGNS[state] || "•" }, text.replace("-", " "));

const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

function duration(seconds) {
  const units = [[86400, "day"], [3600, "hour"], [60, "minute"]];
  for (const [size, name] of units) if (seconds >= size) return plural(Math.floor(seconds / size), name);
  return plural(Math.max(0, Math.round(seconds)), "second");
}

/* "3 minutes ago", and the exact time for who asks. Kept true by tick(). */
function when(text) {
  if (!text) return "";
  const node = make("time", { datetime: text, title: new Date(text).toLocaleString() });
  node.textContent = relative(text);
  return node;
}

function relative(text) {
  const seconds = (Date.now() - Date.parse(text)) / 1000;
  if (Math.abs(seconds) < 2) return "now";
  return seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
}

function tick() {
  for (const node of document.querySelectorAll("time")) {
    const text = relative(node.dateTime);
    if (node.textContent !== text) node.textContent = text;
  }
  const silent = (Date.now() - lastHeard) / 1000;
  const stale = document.getElementById("stale");
  stale.hidden = silent < 60;
  const message = stale.hidden ? "" : "The agent has not been heard of for more than a minute: what is shown may be old.";
  if (stale.textContent !== message) stale.textContent = message;
}

/* --- parts of a deployment --- */

function facts(deployment) {
  const parts = [];
  if (deployment.since && deployment.state !== "never") parts.push(["since", when(deployment.since)]);
  if (deployment.running) parts.push(["running, begun", when(deployment.running.startedAt)]);
  else if (deployment.nextRunAt) parts.push(["next run", when(deployment.nextRunAt)]);
  if (deployment.lastRunAt)
    parts.push(["last run", when(deployment.lastRunAt), ` (${deployment.lastTrigger}, ${duration(deployment.lastDurationSeconds)})`]);
  if (deployment.failures > 1) parts.push([`${deployment.failures} failures in a row`]);
  if (deployment.mode === "observe") parts.push(["only observed"]);
  if (deployment.revision) parts.push(["revision", make("code", { title: deployment.revision }, deployment.revision.slice(0, 10))]);
  return make("p", { class: "facts" }, ...parts.map((part) => make("span", {}, ...part.flatMap((one) => [one, " "]))));
}

function progressOf(running) {
  if (!running || running.progress.length === 0) return null;
  return make("section", { "aria-label": "Under way" }, make("h3", {}, "Under way"),
    make("ul", { class: "rows" }, ...running.progress.map((one) => make("li", {},
      make("p", {}, word(one.state === "planned" ? "running" : one.state), " ", make("code", {}, one.action)),
      one.text ? make("p", { class: "differs" }, one.text) : null,
      one.total > 0 ? make("progress", { max: one.total, value: one.done, "aria-label": one.action }) : null,
      one.total > 0 ? make("p", { class: "differs" }, `${one.done.toLocaleString("en")} of ${plural(one.total, one.unit || "rows", one.unit || "rows")}`) : null))));
}

function conditionsOf(deployment) {
  if (deployment.conditions.length === 0) return null;
  return make("section", { "aria-label": "Conditions" }, make("h3", {}, "Conditions"),
    make("ul", { class: "rows" }, ...deployment.conditions.map((one) => make("li", {},
      make("p", {}, word(one.state), " ", make("strong", {}, one.kind), " ", one.name, " ", make("span", { class: "soft" }, "since ", when(one.since))),
      one.reason ? make("p", { class: "differs" }, one.reason) : null))));
}

function planOf(report) {
  const resources = (report?.resources || []).filter((one) => one.differences.length + one.actions.length > 0);
  if (resources.length === 0) return null;
  const change = { add: "+", remove: "−", replace: "~" };
  return make("section", { "aria-label": "Plan" }, make("h3", {}, report.command === "plan" ? "Plan" : "What the last run found and did"),
    ...resources.map((resource) => make("div", {}, make("p", {}, make("strong", {}, `${resource.kind} ${resource.name}`)),
      make("ul", { class: "rows" },
        ...resource.differences.map((one) => make("li", { class: "code" }, `${change[one.change] || "•"} ${one.path}`,
          one.change === "replace" ? `: ${one.observed} → ${one.desired}` : "")),
        ...resource.actions.map((one) => make("li", {}, make("p", {}, word(one.state), " ", one.id.slice(resource.kind.length + resource.name.length + 2), one.risk === "safe" ? "" : ` (${one.risk})`),
          make("p", { class: "differs" }, one.error?.message || one.error || one.waitsFor || one.reason || "")))))));
}

/* Each bot's rows as a bar, what it should have as a mark: short ones stand out first. */
function rowsOf(report) {
  const vectors = (report?.resources || []).find((one) => one.kind === "vectors" && one.rows);
  if (!vectors) return null;
  const bots = Object.entries(vectors.rows.bots || {}).map(([id, one]) => ({ id, ...one }));
  if (bots.length === 0) return null;
  bots.sort((a, b) => (b.expected ?? b.present) - b.present - ((a.expected ?? a.present) - a.present) || b.present - a.present);
  const shown = bots.slice(0, 40), height = 36;
  const most = Math.max(1, ...bots.map((one) => Math.max(one.present, one.expected ?? 0)));
  const part = (rows) => `${((rows / most) * 99).toFixed(2)}%`; // no view box: text keeps its size on a phone
  const short = bots.filter((one) => one.expected !== null && one.present < one.expected).length;
  const label = `${plural(bots.length, "bot")}, ${short === 0 ? "none short of rows" : `${short} short of rows`}`;
  const picture = make("svg", { class: "picture", width: "100%", height: shown.length * height, role: "img", "aria-label": label },
    ...shown.map((one, index) => make("svg", { y: index * height, width: "100%", height },
      make("text", { x: 1, y: 12 }, `${one.id}  ${one.present.toLocaleString("en")}${one.expected === null || one.expected === one.present ? "" : ` of ${one.expected.toLocaleString("en")}`}`),
      make("rect", { class: "has", x: 1, y: 17, width: part(one.present), height: 12, rx: 2 }),
      one.expected > one.present ? make("rect", { class: "lacks", x: part(one.present), y: 18, width: part(one.expected - one.present), height: 10 }) : null,
      one.expected !== null ? make("line", { class: "mark", x1: part(one.expected), x2: part(one.expected), y1: 15, y2: 31 }) : null)));
  const table = make("details", {}, make("summary", {}, "The same as a table"), make("table", {},
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Bot"), make("th", { scope: "col", class: "number" }, "Rows"), make("th", { scope: "col", class: "number" }, "Expected"))),
    make("tbody", {}, ...bots.slice(0, 500).map((one) => make("tr", {}, make("td", { class: "code" }, one.id),
      make("td", { class: "number" }, one.present.toLocaleString("en")), make("td", { class: "number" }, one.expected === null ? "–" : one.expected.toLocaleString("en")))))));
  return make("section", { "aria-label": "Vectors" }, make("h3", {}, "Vectors per bot"), make("p", { class: "soft" }, `${label}. The bar is what is there, the mark what should be.`), picture, table);
}

function historyOf(history) {
  if (!history || history.runs.length === 0) return null;
  const told = history.runs.filter((run, index) => run.drift.length + run.actions.length > 0 || run.problem || history.runs[index + 1]?.state !== run.state);
  return make("section", { "aria-label": "History" }, make("h3", {}, "Drift and repair"),
    told.length === 0 ? make("p", { class: "soft" }, "Nothing but runs in sync.") : make("ol", { class: "timeline" }, ...told.slice(0, 30).map((run) => {
      const done = run.actions.filter((one) => one.state === "done"), open = run.actions.filter((one) => one.state !== "done");
      return make("li", { class: run.state },
        make("p", {}, word(run.state), " ", when(run.at), " ", make("span", { class: "soft" }, `${run.trigger}, ${duration(run.durationSeconds)}${run.revision ? `, ${run.revision.slice(0, 10)}` : ""}`)),
        run.problem ? make("p", {}, run.problem) : null,
        done.length > 0 ? make("p", {}, "repaired: ", make("span", { class: "code" }, done.map((one) => one.id).slice(0, 8).join(", ")), done.length > 8 ? ` and ${done.length - 8} more` : "") : null,
        open.length > 0 ? make("p", {}, "open: ", make("span", { class: "code" }, open.map((one) => `${one.id} (${one.state})`).slice(0, 8).join(", "))) : null,
        run.drift.length > 0 ? make("p", { class: "differs code" }, run.drift.map((one) => `${one.kind}/${one.path}`).slice(0, 8).join(", ")) : null);
    })));
}

/* --- the whole --- */

function card(deployment) {
  const name = deployment.name, open = opened.has(name), more = details.get(name);
  const body = make("div", {});
  if (open)
    body.append(...[progressOf(deployment.running), conditionsOf(deployment), planOf(more?.report), rowsOf(more?.report), historyOf(more?.history)].filter(Boolean));
  return make("li", { class: `deployment ${deployment.state}`, id: `deployment-${name}`, "data-name": name },
    make("h2", {}, name, word(deployment.state, deployment.state === "never" ? "not run yet" : deployment.state), deployment.running ? word("running") : null),
    deployment.reason ? make("p", { class: "reason" }, deployment.reason) : null, facts(deployment), body,
    make("p", { class: "buttons" },
      make("button", { type: "button", "aria-expanded": String(open), onclick: () => toggle(name) }, open ? "Less" : "More", make("span", { class: "soft" }, ` about ${name}`)),
      make("button", { type: "button", disabled: Boolean(deployment.running), onclick: () => reconcile(name) }, deployment.mode === "observe" ? "Look now" : "Reconcile now")));
}

function matches(deployment, filter) {
  return [deployment.name, deployment.state, ...deployment.conditions.filter((one) => one.state !== "in-sync").map((one) => one.kind)].some((text) => text.includes(filter));
}

function show(name) {
  const deployment = known.deployments.get(name), before = document.getElementById(`deployment-${name}`);
  if (!deployment || !before) { showAll(); return; }
  const focused = [...before.querySelectorAll("button")].indexOf(document.activeElement);
  const folded = [...before.querySelectorAll("details")].map((one) => one.open);
  const node = card(deployment);
  before.replaceWith(node);
  node.querySelectorAll("details").forEach((one, index) => { one.open = folded[index] || false; });
  if (focused >= 0) node.querySelectorAll("button")[focused]?.focus();
  showSummary();
}

function showAll() {
  const all = [...known.deployments.values()], filter = document.getElementById("filter").value.trim().toLowerCase();
  all.sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.name.localeCompare(b.name));
  const shown = all.filter((one) => matches(one, filter));
  document.getElementById("search").hidden = all.length <= MANY;
  document.getElementById("shown").textContent = filter ? `${shown.length} of ${all.length}` : "";
  document.getElementById("list").replaceChildren(...shown.map(card));
  if (all.length === 0 && known.agent)
    document.getElementById("list").replaceChildren(make("li", {}, known.agent.ready ? "No spec is in force: put one where the specs come from." : "The agent has not read its specs yet, or found none that is valid."));
  showSummary();
}

function showSummary() {
  const counts = {};
  for (const one of known.deployments.values()) counts[one.state] = (counts[one.state] || 0) + 1;
  const parts = ORDER.filter((state) => counts[state]).map((state) => `${counts[state]} ${state === "never" ? "not run yet" : state.replace("-", " ")}`);
  const text = parts.length ? parts.join(", ") : "no deployments";
  const node = document.getElementById("summary");
  if (node.textContent !== text) node.textContent = text;
  document.title = `${counts.failed || counts.unknown ? "✗ " : counts.drifted ? "≠ " : ""}trueup: ${text}`;
}

function showSource(source) {
  const node = document.getElementById("source");
  const where = make("p", {}, source.kind === "git" ? "Specs from " : "Specs in ", make("code", {}, source.url || source.path || ""), source.directory ? ` (${source.directory})` : "",
    source.revision ? ", revision " : "", source.revision ? make("code", {}, source.revision.slice(0, 10)) : "", source.revisionAt ? ", in force " : "", when(source.revisionAt),
    source.checkedAt ? ", looked at " : "", when(source.checkedAt));
  const trouble = [];
  if (source.error) trouble.push(make("p", {}, word("failed", "failed"), " ", source.error));
  if (source.refused) trouble.push(make("p", {}, word("blocked", "refused"), " revision ", make("code", {}, source.refused.revision.slice(0, 10)), `: ${source.refused.reason || ""}`));
  if (source.errors.length) trouble.push(make("ul", {}, ...source.errors.slice(0, 50).map((one) => make("li", { class: "code" }, one))));
  node.replaceChildren(where, ...trouble);
}

async function toggle(name) {
  if (opened.delete(name)) { show(name); return; }
  opened.add(name);
  show(name);
  await loadDetails(name);
}

/* --- talking to the agent --- */

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(path, { ...options, headers });
  lastHeard = Date.now();
  if (answer.status === 401 || (answer.status === 403 && options.method === "POST" && !token)) {
    if (answer.status === 401 && await askForToken()) return ask(path, options);
  }
  return answer;
}

function askForToken() {
  const dialog = document.getElementById("ask"), field = document.getElementById("token");
  if (dialog.open) return Promise.resolve(false);
  field.value = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    if (dialog.returnValue === "go" && field.value) {
      token = field.value;
      sessionStorage.setItem("token", token);
    }
    field.value = "";
    resolve(dialog.returnValue === "go");
  }, { once: true }));
}

async function loadDetails(name) {
  const path = `api/v1/deployments/${encodeURIComponent(name)}`;
  const [report, history] = await Promise.all([ask(`${path}/report`), ask(`${path}/history?limit=100`)]);
  details.set(name, { report: report.status === 200 ? await report.json() : null, history: history.ok ? await history.json() : null });
  show(name);
}

async function load() {
  const answer = await ask("api/v1/deployments");
  if (!answer.ok) throw new Error(`the agent answered ${answer.status}`);
  const all = await answer.json();
  known.agent = all.agent;
  known.deployments = new Map(all.deployments.map((one) => [one.name, one]));
  if (all.deployments.length === 1 && opened.size === 0) opened.add(all.deployments[0].name);
  showSource(all.agent.source);
  document.getElementById("agent").textContent = `trueup ${all.agent.version}, ${all.agent.mode === "observe" ? "observing" : "applying"}`;
  showAll();
  await Promise.all([...opened].filter((name) => known.deployments.has(name)).map(loadDetails));
}

async function reconcile(name) {
  const answer = await ask(`api/v1/deployments/${encodeURIComponent(name)}/reconcile`,
    { method: "POST", body: "{}", headers: { "Content-Type": "application/json", "X-Trueup-Request": "1" } });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({ error: `the agent answered ${answer.status}` }));
    const stale = document.getElementById("stale");
    stale.textContent = problem.error;
    stale.hidden = false;
  }
}

function take(event, data) {
  if (event === "source") { known.agent.source = data; showSource(data); }
  if (event === "gone") { known.deployments.delete(data.name); showAll(); }
  if (event === "deployment") {
    const before = known.deployments.get(data.name);
    known.deployments.set(data.name, data);
    if (!before || before.state !== data.state) showAll(); else show(data.name);
    if (opened.has(data.name) && before?.running && !data.running) loadDetails(data.name);
  }
  if (event === "progress") {
    const running = known.deployments.get(data.name)?.running;
    if (!running) return;
    const index = running.progress.findIndex((one) => one.action === data.progress.action);
    if (index < 0) running.progress.push(data.progress); else running.progress[index] = data.progress;
    show(data.name);
  }
}

/*
 * EventSource sends no token: the stream is read by hand. It is open before the
 * whole is read, so that nothing is missed in between.
 */
async function listen() {
  const answer = await ask("api/v1/events");
  if (!answer.ok) throw new Error(`the agent answered ${answer.status}`);
  await load();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    lastHeard = Date.now();
    text += value;
    const messages = text.split("\n\n");
    text = messages.pop();
    for (const message of messages) {
      const fields = Object.fromEntries(message.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
      if (fields.event && fields.data) take(fields.event, JSON.parse(fields.data));
    }
  }
}

async function follow() {
  for (;;) {
    try {
      await listen();
    } catch (problem) {
      document.getElementById("summary").textContent = `The agent cannot be reached (${problem.message}); trying again.`;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

document.getElementById("filter").addEventListener("input", showAll);
document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());
setInterval(tick, 1000);
follow();
