/*
 * What is shown of one deployment: its card, and unfolded what runs, its
 * conditions, the plan, drift and repair over time, and the rows of each bot.
 */
import { duration, plural, when } from "./clock.js";
import { make } from "./dom.js";

const SIGNS = {
  "in-sync": "✓", drifted: "≠", waiting: "…", failed: "✗", unknown: "?", never: "○", paused: "‖", skipped: "–",
  done: "✓", blocked: "■", planned: "→", running: "↻",
};
const TRIGGERS = {
  start: "the agent's start", schedule: "the schedule", webhook: "a webhook", person: "a person", signal: "a signal",
  source: "changed specs",
};
const LISTED = 100; // of anything in a report; a plan may have thousands
const ACTING = 20;
const BOTS = 40;
const RUNS = 30;
const TOLD = 8; // of a run

export const wordOf = (state) => (state === "never" ? "not run yet" : state.replace("-", " "));

export const signOf = (state) => SIGNS[state] || "•";

/* A state as a badge: sign and word tell it without colour. */
export const badge = (state, text = wordOf(state)) => make("span", { class: `badge ${state}`, "data-sign": signOf(state) }, text);

const code = (text, title) => make("code", { title }, text);

/* Breaks at its slashes rather than anywhere. */
const pathCode = (path) => make("code", {}, path.split("/").flatMap((part, index) => (index > 0 ? ["/", make("wbr"), part] : [part])));

const short = (revision) => code(revision.slice(0, 10), revision);

const took = (seconds) => (seconds < 1 ? "took less than a second" : `took ${duration(seconds)}`);

const fact = (name, ...value) => make("div", {}, make("dt", {}, name), make("dd", {}, ...value));

const section = (key, title, ...children) => make("section", { "data-key": key, "aria-label": title }, make("h3", {}, title), ...children);

const andMore = (count, limit) => (count > limit ? make("li", { class: "soft" }, `… and ${(count - limit).toLocaleString("en")} more`) : null);

/* --- its head --- */

function facts(deployment) {
  const parts = [], running = deployment.running;
  if (deployment.since && deployment.state !== "never") parts.push(fact(wordOf(deployment.state), when(deployment.since, "since")));
  if (running) parts.push(fact("Running", when(running.startedAt, "since")));
  else if (deployment.nextRunAt) parts.push(fact("Next run", when(deployment.nextRunAt, "due")));
  if (deployment.lastRunAt)
    parts.push(fact("Last run", when(deployment.lastRunAt), `, ${took(deployment.lastDurationSeconds)}`));
  if (deployment.revision) parts.push(fact("Revision", short(deployment.revision)));
  if (deployment.rows?.expected >= 0 && deployment.rows?.expected !== null)
    parts.push(fact("Rows", `${deployment.rows.present.toLocaleString("en")} of ${deployment.rows.expected.toLocaleString("en")}`));
  if (deployment.mode === "observe") parts.push(fact("Mode", "observed only"));
  if (deployment.failures > 1) parts.push(fact("Failures", `${deployment.failures} in a row`));
  return make("dl", { class: "facts" }, ...parts);
}

function noticeOf(name, notice) {
  if (!notice) return null;
  return make("div", { class: `notice ${notice.bad ? "bad" : ""}`, role: notice.bad ? "alert" : "status", "data-key": "notice" }, make("p", {}, notice.text),
    make("button", { type: "button", "data-act": "dismiss", "data-name": name, "aria-label": "Dismiss this message" }, "Dismiss"));
}

/* --- what runs --- */

/* The first of those that are not done, and then of those that are: there may be thousands. */
function progressOf(running) {
  if (!running || running.progress.length === 0) return null;
  const all = [...running.progress.filter((one) => one.state !== "done"), ...running.progress.filter((one) => one.state === "done").reverse()];
  return section("under-way", "Under way", make("ul", { class: "rows" }, ...all.slice(0, ACTING).map((one) => make("li", { "data-key": one.action },
    make("p", {}, badge(one.state === "planned" ? "running" : one.state), " ", pathCode(one.action)),
    one.text ? make("p", { class: "soft" }, one.text) : null,
    one.total > 0 ? make("progress", { max: one.total, value: one.done, "aria-label": one.action }) : null,
    one.total > 0 ? make("p", { class: "soft" }, `${one.done.toLocaleString("en")} of ${one.total.toLocaleString("en")} ${one.unit || "rows"}`) : null)), andMore(all.length, ACTING)));
}

function conditionsOf(deployment) {
  const all = deployment.conditions;
  if (all.length === 0) return null;
  return section("conditions", "Conditions", make("ul", { class: "rows" }, ...all.slice(0, LISTED).map((one) => make("li", { class: "condition", "data-key": `${one.kind}/${one.name}` },
    badge(one.state), make("div", {}, make("p", {}, make("strong", {}, one.kind), " ", one.name), one.reason ? make("p", { class: "soft" }, one.reason) : null),
    make("p", { class: "soft since" }, when(one.since, "since")))), andMore(all.length, LISTED)));
}

/* --- the plan --- */

const isNothing = (value) => value === null || value === undefined;

const textOf = (value) => (typeof value === "string" ? value : JSON.stringify(value));

const valueOf = (tag, value) => (isNothing(value) ? make("em", {}, "nothing") : make(tag, {}, textOf(value)));

/* "members/alice@example.com" says already what is to be added. */
function valuesOf({ path, change, desired, observed }) {
  if (change === "replace") return [": ", valueOf("del", observed), " → ", valueOf("ins", desired)];
  const value = change === "remove" ? observed : desired;
  return isNothing(value) || path.endsWith(`/${textOf(value)}`) ? [] : [": ", valueOf(change === "remove" ? "del" : "ins", value)];
}

const changeOf = (one) => make("li", { class: `change ${one.change}`, "data-sign": { add: "+", remove: "−", replace: "~" }[one.change] || "•" },
  make("span", {}, one.path, ...valuesOf(one)));

function actionOf(resource, one) {
  const tail = one.id.slice(resource.kind.length + resource.name.length + 2 + one.verb.length + 1);
  const error = one.error?.message || one.error;
  return make("li", { class: "action", "data-key": one.id }, badge(one.state), make("div", {},
    make("p", {}, make("strong", {}, one.verb), tail ? [" ", tail] : [], one.risk === "safe" ? [] : [" ", make("span", { class: "risk" }, one.risk)]),
    error ? make("p", { class: "error" }, error) : null,
    one.waitsFor ? make("p", {}, one.waitsFor) : null,
    one.reason ? make("p", { class: "soft" }, one.reason) : null));
}

function resourceOf(resource) {
  const { differences, actions, notes = [] } = resource;
  return make("div", { class: "resource", "data-key": `${resource.kind}/${resource.name}` },
    make("h4", {}, resource.kind, " ", make("span", {}, resource.name)),
    differences.length > 0 ? make("ul", { class: "changes" }, ...differences.slice(0, LISTED).map(changeOf), andMore(differences.length, LISTED)) : null,
    actions.length > 0 ? make("ul", { class: "rows" }, ...actions.slice(0, LISTED).map((one) => actionOf(resource, one)), andMore(actions.length, LISTED)) : null,
    ...notes.map((note) => make("p", { class: "note" }, make("strong", {}, "Note: "), note)));
}

function planOf(report) {
  const resources = (report?.resources || []).filter((one) => one.differences.length + one.actions.length + (one.notes || []).length > 0);
  if (resources.length === 0) return null;
  return section("plan", report.command === "plan" ? "Plan" : "What the last run found and did",
    make("p", { class: "soft" }, "As of ", when(report.finishedAt)), ...resources.map(resourceOf));
}

/* --- drift and repair --- */

const told = (sign, ids) => ids.length === 0 ? null : make("ul", { class: "told" },
  ...ids.slice(0, TOLD).map((id) => make("li", { "data-sign": sign }, pathCode(id))), andMore(ids.length, TOLD));

/* before: the run before it, if it is known */
function titleOf(run, before) {
  if (run.state !== "in-sync" || !run.actions.some((one) => one.state === "done")) return wordOf(run.state);
  return !before ? "brought in sync" : before.revision !== run.revision ? "new revision applied" : "drift repaired";
}

function runOf(run, before) {
  const done = run.actions.filter((one) => one.state === "done"), open = run.actions.filter((one) => one.state !== "done");
  return make("li", { class: run.state, "data-sign": signOf(run.state), "data-key": `${run.at} ${run.trigger}` },
    make("p", {}, make("strong", {}, titleOf(run, before)), " ", when(run.at), make("span", { class: "soft" }, ` by ${TRIGGERS[run.trigger] || run.trigger}, ${took(run.durationSeconds)}`,
      run.revision ? [before && before.revision !== run.revision ? ", new revision " : ", revision ", short(run.revision)] : [])),
    run.problem ? make("p", { class: "error" }, run.problem) : null,
    told(SIGNS.done, done.map((one) => one.id)),
    told("○", open.map((one) => `${one.id} (${one.state})`)),
    done.length + open.length === 0 ? told(SIGNS.drifted, run.drift.map((one) => `${one.kind}/${one.name}/${one.path}`)) : null);
}

function historyOf(history) {
  const runs = history?.runs || [];
  if (runs.length === 0) return null;
  const telling = runs.map((run, index) => [run, runs[index + 1]])
    .filter(([run, before]) => run.drift.length + run.actions.length > 0 || run.problem || before?.state !== run.state || before?.revision !== run.revision);
  return section("history", "Drift and repair",
    make("ol", { class: "timeline" }, ...telling.slice(0, RUNS).map(([run, before]) => runOf(run, before)), andMore(telling.length, RUNS)),
    telling.length < runs.length ? make("p", { class: "soft" }, `Of the last ${plural(runs.length, "run")} those that changed nothing are left out.`) : null);
}

/* --- the rows of each bot --- */

function tellRows(one) {
  const present = one.present.toLocaleString("en");
  if (one.expected === null || one.expected === one.present) return plural(one.present, "row");
  const apart = Math.abs(one.expected - one.present).toLocaleString("en");
  return `${present} of ${one.expected.toLocaleString("en")} rows, ${apart} ${one.present < one.expected ? "missing" : "too many"}`;
}

/* What is there is a bar, what is missing an outline, and what should be there a mark. */
function barOf(one, most) {
  const part = (rows) => `${((rows / most) * 99).toFixed(2)}%`; // no view box: lines keep their width on a phone
  return make("svg", { width: "100%", height: 14, "aria-hidden": "true" },
    make("rect", { class: "has", y: 2, width: part(one.present), height: 10, rx: 2 }),
    one.expected > one.present ? make("rect", { class: "lacks", x: part(one.present), y: 3, width: part(one.expected - one.present), height: 8 }) : null,
    one.expected !== null ? make("line", { class: "mark", x1: part(one.expected), x2: part(one.expected), y1: 0, y2: 14 }) : null);
}

function rowsOf(report) {
  const rows = (report?.resources || []).find((one) => one.kind === "vectors" && one.rows)?.rows;
  const bots = Object.entries(rows?.bots || {}).map(([id, one]) => ({ id, ...one }));
  if (bots.length === 0) return null;
  const apart = (one) => Math.abs((one.expected ?? one.present) - one.present);
  bots.sort((a, b) => apart(b) - apart(a) || b.present - a.present || a.id.localeCompare(b.id));
  const most = Math.max(1, ...bots.map((one) => Math.max(one.present, one.expected ?? 0)));
  const lacking = bots.filter((one) => one.expected !== null && one.present < one.expected).length;
  return section("vectors", "Vectors per bot",
    make("p", { class: "soft" }, `${plural(bots.length, "bot")}, ${lacking === 0 ? "none short of rows" : `${lacking} short of rows`}. The bar is what is there, the mark what should be.`),
    make("ul", { class: "bots" }, ...bots.slice(0, BOTS).map((one) => make("li", { "data-key": one.id, class: apart(one) > 0 ? "apart" : "" },
      code(one.id), barOf(one, most), make("span", {}, tellRows(one)))), andMore(bots.length, BOTS)));
}

/* --- the whole --- */

/* more: {report, history}, or undefined while it is not read yet; notice: {text, bad} */
export function card(deployment, { open, more, notice }) {
  const { name, running } = deployment, id = `about-${name}`;
  return make("li", { class: `deployment ${deployment.state}`, id: `deployment-${name}`, "data-key": name },
    make("div", { class: "head" },
      make("h2", {}, make("button", { type: "button", class: "fold", "data-act": "toggle", "data-name": name, "aria-expanded": String(open), "aria-controls": open ? id : null }, name)),
      badge(deployment.state), running ? badge("running") : null,
      make("button", { type: "button", class: "now", "data-key": "now", "data-act": "reconcile", "data-name": name, "aria-disabled": running ? "true" : null, "aria-label": `${deployment.mode === "observe" ? "Look" : "Reconcile"} now: ${name}` },
        deployment.mode === "observe" ? "Look now" : "Reconcile now")),
    noticeOf(name, notice),
    deployment.reason ? make("p", { class: "reason" }, deployment.reason) : null,
    facts(deployment),
    open ? make("div", { id, class: "more", "data-key": "more" }, progressOf(running), conditionsOf(deployment), planOf(more?.report), historyOf(more?.history), rowsOf(more?.report),
      more ? (more.problem ? make("p", { class: "error" }, more.problem) : null) : make("p", { class: "soft" }, "Reading …")) : null);
}

/* Of the agent: where its specs come from, and what is wrong with them. */
export function sourceOf(source) {
  const git = source.kind === "git";
  return [
    make("dl", { class: "facts" },
      fact(git ? "Specs from" : "Specs in", code(source.url || source.path || "")), source.directory ? fact("Directory", code(source.directory)) : null,
      source.revision ? fact("Revision", short(source.revision)) : null, source.revisionAt ? fact("In force", when(source.revisionAt, "since")) : null,
      source.checkedAt ? fact("Looked at", when(source.checkedAt)) : null),
    source.error ? make("p", {}, badge("failed"), " ", source.error) : null,
    source.note ? make("p", { class: "note" }, make("strong", {}, "Note: "), source.note) : null,
    source.refused ? make("p", {}, badge("blocked", "refused"), " revision ", short(source.refused.revision), `: ${source.refused.reason || ""}`) : null,
    source.errors.length > 0 ? make("ul", { class: "errors" }, ...source.errors.slice(0, LISTED).map((one) => make("li", {}, code(one))), andMore(source.errors.length, LISTED)) : null,
  ].filter(Boolean);
}
