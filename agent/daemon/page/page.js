/*
 * The status page: shows what /api/v1 says, and keeps it up to date by its
 * events. Deployments in trouble come first; where there are many, those that
 * are in sync or paused are folded away, and no list is shown at more than SHOWN at once.
 */
import { absolute, tick } from "./clock.js";
import { Locked, ask, explain, link, retry, start, unlock, watch } from "./agent.js";
import { make, patchChildren } from "./dom.js";
import { badge, card, signOf, sourceOf, wordOf } from "./parts.js";

const ORDER = ["failed", "unknown", "drifted", "waiting", "never", "paused", "in-sync"];
const CALM = ["paused", "in-sync"]; // nobody needs to do anything
const MANY = 8; // more deployments than this can be searched, and the calm ones are folded away
const SHOWN = 50;
const SETTLE_MS = 50; // what happens within it is shown at once

const known = { agent: null, deployments: new Map() };
const opened = new Set();
const details = new Map(); // name: {report, history, problem}
const notices = new Map(); // name: {text, bad}: until dismissed, or the next action
const limits = new Map(); // list: how many of it are shown
let pending = 0;

const byId = (id) => document.getElementById(id);

/* --- showing --- */

const isActing = (deployment) => (deployment.running?.progress.length || 0) > 0;
const isCalm = (deployment) => CALM.includes(deployment.state) && !isActing(deployment);

const cardOf = (deployment) => card(deployment, {
  open: opened.has(deployment.name), more: details.get(deployment.name), notice: notices.get(deployment.name) });

function matches(deployment, filter) {
  return [deployment.name, wordOf(deployment.state), deployment.state, deployment.running ? "running" : "",
    ...deployment.conditions.filter((one) => one.state !== "in-sync").map((one) => one.kind)].some((text) => text.toLowerCase().includes(filter));
}

/* Who reads in a card, or has it unfolded, keeps it where it is when it becomes calm. */
function heldNames() {
  const held = [...byId("list").children].filter((node) => opened.has(node.dataset.key) || node.contains(document.activeElement));
  return new Set(held.map((node) => node.dataset.key));
}

/* The first of them, and a button for more. */
function bounded(key, deployments) {
  const limit = limits.get(key) || SHOWN, rest = deployments.length - limit;
  const focused = document.activeElement?.closest(".deployment")?.dataset.key;
  const shown = deployments.filter((one, index) => index < limit || one.name === focused);
  return [...shown.map(cardOf), rest > 0 ? make("li", { "data-key": "/more", class: "more-of" },
    make("button", { type: "button", "data-act": "more", "data-list": key }, `Show ${Math.min(rest, SHOWN)} more of ${rest.toLocaleString("en")}`)) : null].filter(Boolean);
}

function foldOf(state, calm) {
  const wasOpen = byId("folds").querySelector(`[data-key="${state}"]`)?.open || false;
  return make("details", { "data-key": state }, make("summary", {}, badge(state, `${calm.length.toLocaleString("en")} ${wordOf(state)}`)),
    make("ul", { class: "list" }, ...(wasOpen ? bounded(state, calm) : [])));
}

function foldsOf(calm) {
  const folds = CALM.map((state) => [state, calm.filter((one) => one.state === state)]);
  return folds.filter(([, those]) => those.length > 0).map(([state, those]) => foldOf(state, those));
}

function nothingOf(all, filter) {
  if (filter) return `No deployment matches “${filter}”.`;
  if (all.length > 0) return `Nothing needs anybody: all are ${all.some((one) => one.state === "paused") ? "in sync or paused" : "in sync"}.`;
  return known.agent.ready ? "No spec is in force: put one where the specs come from." : "The agent has not read its specs yet, or found none that is valid.";
}

function showDeployments() {
  const all = [...known.deployments.values()], filter = byId("filter").value.trim().toLowerCase();
  all.sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.name.localeCompare(b.name));
  const held = heldNames(), folds = !filter && all.length > MANY;
  const found = all.filter((one) => !filter || matches(one, filter) || held.has(one.name));
  const isListed = (one) => !folds || !isCalm(one) || held.has(one.name);
  const listed = found.filter(isListed), calm = found.filter((one) => !isListed(one));
  byId("search").hidden = all.length <= MANY;
  byId("shown").textContent = filter ? `${found.length.toLocaleString("en")} of ${all.length.toLocaleString("en")}` : "";
  const nothing = listed.length === 0 ? nothingOf(all, filter) : "";
  patchChildren(byId("list"), nothing ? [make("li", { class: "soft" }, nothing)] : bounded("list", listed));
  patchChildren(byId("folds"), foldsOf(calm));
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function showSummary() {
  const all = [...known.deployments.values()], counts = new Map(ORDER.map((state) => [state, all.filter((one) => one.state === state).length]));
  const states = ORDER.filter((state) => counts.get(state) > 0), worst = states[0] || "never";
  const text = all.length === 0 ? "No deployments" : states.length > 1 ? states.map((state) => `${counts.get(state)} ${wordOf(state)}`).join(", ")
    : all.length === 1 ? `${all[0].name} ${worst === "failed" || worst === "never" ? "has " : "is "}${worst === "never" ? "not run yet" : wordOf(worst)}` : `All ${all.length} ${wordOf(worst)}`;
  const fresh = ["live", "polling"].includes(link.mode);
  setText(byId("summary"), fresh ? text : `Last known: ${text}`);
  byId("summary").dataset.sign = fresh ? signOf(worst) : "?";
  byId("summary").className = fresh ? worst : "";
  const title = `${fresh ? "" : "not live: "}${["failed", "unknown", "drifted"].includes(worst) ? `${signOf(worst)} ` : ""}trueup: ${text}`;
  if (document.title !== title) document.title = title;
}

function bannerOf() {
  const since = link.since ? `Not live since ${absolute(link.since)}` : "Not connected";
  const old = link.since ? " What is shown below is from then." : "";
  if (link.mode === "lost") return [`${since}: ${link.reason}.${old} Trying again.`, "retry", "Try now"];
  if (link.mode === "locked") return [`${since}: the agent asks for its token.${old}`, "unlock", "Enter the token"];
  if (link.mode === "polling") return ["Too many people follow the agent for one more: this page reads it again every 10 seconds.", "", ""];
  return ["", "", ""];
}

function showLink() {
  const [text, act, label] = bannerOf(), words = { connecting: "connecting", live: "live", polling: "every 10 seconds", lost: "not live", locked: "locked" };
  document.body.dataset.link = link.mode;
  setText(byId("link"), words[link.mode]);
  byId("banner").hidden = text === "";
  setText(byId("banner-text"), text);
  byId("banner-act").hidden = act === "";
  byId("banner-act").dataset.act = act;
  setText(byId("banner-act"), label);
}

/* What the reader looks at stays where it is, whatever comes or goes above it. */
function inPlace(change) {
  const focus = document.activeElement, isSeen = (node) => node.getBoundingClientRect().bottom > 0 && node.getBoundingClientRect().top < window.innerHeight;
  const focused = focus.closest(".deployment"), cards = window.scrollY > 0 ? [...document.querySelectorAll(".deployment")] : [];
  const anchor = focused && isSeen(focused) ? focused : cards.find(isSeen);
  const top = anchor?.getBoundingClientRect().top;
  change();
  if (focus !== document.activeElement && focus.isConnected) focus.focus({ preventScroll: true });
  else if (!focus.isConnected) byId("deployments").focus({ preventScroll: true });
  if (anchor?.isConnected) window.scrollBy(0, anchor.getBoundingClientRect().top - top);
}

function show() {
  clearTimeout(pending);
  pending = 0;
  showLink();
  if (!known.agent) {
    setText(byId("summary"), { locked: "The agent asks for its token", lost: "The agent cannot be reached" }[link.mode] || "Reading what the agent knows …");
    return;
  }
  inPlace(() => {
    patchChildren(byId("source"), sourceOf(known.agent.source));
    setText(byId("agent"), `trueup ${known.agent.version}, ${known.agent.mode === "observe" ? "only looks" : "keeps deployments as their specs say"}`);
    showSummary();
    showDeployments();
  });
}

function showSoon() {
  if (!pending) pending = setTimeout(show, SETTLE_MS);
}

/* --- what the agent says --- */

/* What was read for a card goes with it: when it is unfolded again, it is read again. */
function forget(name) {
  details.delete(name);
  return opened.delete(name);
}

async function loadDetails(name) {
  const path = `api/v1/deployments/${encodeURIComponent(name)}`;
  try {
    const [report, history] = await Promise.all([ask(`${path}/report`), ask(`${path}/history?limit=100`)]);
    if (!opened.has(name)) return;
    details.set(name, { report: report.status === 200 ? await report.json() : null, history: history.ok ? await history.json() : null });
  } catch (problem) {
    details.set(name, { ...details.get(name), problem: `Report and history could not be read: ${explain(problem)}.` });
  }
  showSoon();
}

async function load() {
  const answer = await ask("api/v1/deployments");
  if (!answer.ok) throw new Error(`the agent answered ${answer.status}`);
  const all = await answer.json(), first = !known.agent;
  known.agent = all.agent;
  known.deployments = new Map(all.deployments.map((one) => [one.name, one]));
  if (first && all.deployments.length === 1) opened.add(all.deployments[0].name);
  show();
  await Promise.all([...opened].filter((name) => known.deployments.has(name)).map(loadDetails));
}

function take(event, data) {
  if (event === "source") known.agent.source = data;
  if (event === "gone") {
    known.deployments.delete(data.name);
    notices.delete(data.name);
    forget(data.name);
  }
  if (event === "deployment") {
    const before = known.deployments.get(data.name);
    known.deployments.set(data.name, data);
    if (before && !before.running && data.running && !notices.get(data.name)?.bad) notices.delete(data.name);
    if (opened.has(data.name) && before?.lastRunAt !== data.lastRunAt) loadDetails(data.name);
  }
  if (event === "progress") {
    const progress = known.deployments.get(data.name)?.running?.progress || [];
    const index = progress.findIndex((one) => one.action === data.progress.action);
    if (index < 0) progress.push(data.progress); else progress[index] = data.progress;
  }
  showSoon();
}

/* --- what the reader does --- */

async function tellRefusal(answer) {
  const later = answer.headers.get("Retry-After");
  const { error } = await answer.json().catch(() => ({}));
  return `Not done: ${error || "the agent refused it"} (${answer.status})${later ? `; try again in ${later} seconds` : ""}.`;
}

async function reconcile(name) {
  notices.delete(name);
  show();
  try {
    const answer = await ask(`api/v1/deployments/${encodeURIComponent(name)}/reconcile`,
      { method: "POST", body: "{}", headers: { "Content-Type": "application/json", "X-Trueup-Request": "1" } });
    notices.set(name, answer.ok ? { text: "Asked for: the run begins as soon as there is room.", bad: false } : { text: await tellRefusal(answer), bad: true });
    if (answer.ok && known.deployments.get(name)?.running) notices.delete(name);
  } catch (problem) {
    notices.set(name, { text: `Not done: ${explain(problem)}.`, bad: true });
    if (problem instanceof Locked && await unlock()) { await reconcile(name); return; }
  }
  show();
}

const acts = {
  toggle({ name }) {
    if (forget(name)) return;
    opened.add(name);
    loadDetails(name);
  },
  reconcile({ name }, button) {
    if (button.getAttribute("aria-disabled") !== "true") reconcile(name);
  },
  dismiss({ name }, button) {
    notices.delete(name);
    button.closest(".deployment").querySelector(".now").focus();
  },
  more({ list }) {
    limits.set(list, (limits.get(list) || SHOWN) + SHOWN);
  },
  retry,
  unlock,
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]"), act = button && acts[button.dataset.act];
  if (!act) return;
  act(button.dataset, button);
  show();
});
byId("folds").addEventListener("toggle", show, true);
byId("filter").addEventListener("input", () => { limits.delete("list"); show(); });
byId("search").addEventListener("submit", (event) => event.preventDefault());
setInterval(() => { tick(); watch(); }, 1000);
start({ load, onEvent: take, onLink: show });
