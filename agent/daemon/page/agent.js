/*
 * Talking to the agent: the token, the stream of its events, and what the page
 * may claim of how fresh it is. The stream says something every 20 seconds; one
 * that says nothing for SILENCE_MS is given up. Where there is no room for one
 * more stream, the whole is read every POLL_MS.
 */
import { agentTime, setClock } from "./clock.js";

const SILENCE_MS = 50000;
const ANSWER_MS = 20000;
const POLL_MS = 10000;
const PAUSES_MS = [1000, 2000, 4000, 8000, 16000, 30000];
const STEADY_MS = 30000; // a stream that lasted so long did not fail at once

export class Locked extends Error {}

/* mode: connecting, live, polling, lost, locked; since: what is shown held then, of the agent's clock */
export const link = { mode: "connecting", since: null, reason: "" };

let handlers = null;
let token = sessionStorage.getItem("token") || "";
let lastHeard = Date.now(); // of this machine's clock
let stream = null; // aborts the one that is open, or being opened
let wakeUp = () => {};
let turnedAway = false; // the dialog was cancelled: it opens again only if asked to
const waiting = []; // for the token

const byId = (id) => document.getElementById(id);

function setLink(mode, reason = "") {
  link.mode = mode;
  link.reason = reason;
  handlers.onLink();
}

function headersWith(bearer, more) {
  return bearer ? { ...more, Authorization: `Bearer ${bearer}` } : { ...more };
}

/* Throws Locked if the agent asks for its token, or for another. */
export async function ask(path, { signal = AbortSignal.timeout(ANSWER_MS), ...options } = {}) {
  const askedAt = Date.now();
  const answer = await fetch(path, { ...options, signal, headers: headersWith(token, options.headers) });
  setClock(answer, askedAt);
  lastHeard = Date.now();
  if (answer.status === 401) throw new Locked("the agent asks for its token");
  return answer;
}

/* --- the token --- */

function complain(text) {
  byId("ask-wrong").textContent = text;
  byId("ask-wrong").hidden = text === "";
  byId("token").setAttribute("aria-invalid", String(text !== ""));
}

/* Opens the dialog. Resolves once it has a token that the agent takes: true, or was cancelled: false. */
export function unlock() {
  turnedAway = false;
  if (!byId("ask").open) {
    byId("token").value = "";
    complain(token ? "The agent does not take the token that was given before." : "");
    byId("ask").showModal();
  }
  return new Promise((resolve) => waiting.push(resolve));
}

function closeDialog(unlocked) {
  byId("token").value = "";
  byId("ask").close();
  turnedAway = !unlocked;
  for (const resolve of waiting.splice(0)) resolve(unlocked);
  if (unlocked) wakeUp();
}

async function tryToken() {
  const given = byId("token").value;
  try {
    const answer = await fetch("api/v1/events", { method: "HEAD", headers: headersWith(given), signal: AbortSignal.timeout(ANSWER_MS) });
    if (answer.status === 401) {
      complain("This is not the agent's token.");
      byId("token").select();
    } else if (answer.ok) {
      token = given;
      sessionStorage.setItem("token", token);
      closeDialog(true);
    } else {
      complain(`The agent answered ${answer.status}: try again.`);
    }
  } catch {
    complain("The agent cannot be reached: try again.");
  }
}

/* --- keeping up --- */

const pause = (ms) => new Promise((resolve) => {
  const timer = setTimeout(resolve, ms);
  wakeUp = () => { clearTimeout(timer); resolve(); };
});

/* Whoever waits to try again does it now. */
export const retry = () => wakeUp();

function takeMessage(message) {
  const fields = Object.fromEntries(message.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
  if (fields.event && fields.data) handlers.onEvent(fields.event, JSON.parse(fields.data));
}

async function readEvents(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the agent ended the connection");
    lastHeard = Date.now();
    link.since = agentTime();
    const messages = (text + value).split("\n\n");
    text = messages.pop();
    messages.forEach(takeMessage);
  }
}

/*
 * EventSource sends no token: the stream is read by hand. It is open before the
 * whole is read, so that nothing is missed in between.
 */
async function listen() {
  stream = new AbortController();
  lastHeard = Date.now();
  try {
    const answer = await ask("api/v1/events", { signal: stream.signal });
    if (!answer.ok && answer.status !== 503) throw new Error(`the agent answered ${answer.status}`);
    await handlers.load();
    link.since = agentTime();
    setLink(answer.ok ? "live" : "polling");
    if (answer.ok) await readEvents(answer);
  } catch (problem) {
    throw stream.signal.reason || problem;
  } finally {
    stream.abort(); // of no use any more: its place is another's
    stream = null;
  }
}

/* In words for people, what kept the agent from answering. */
export const explain = (problem) => ({ TypeError: "the agent cannot be reached", TimeoutError: "the agent does not answer" })[problem.name] || problem.message;

async function follow() {
  for (let failures = 0;;) {
    const begun = Date.now();
    try {
      await listen();
      failures = 0;
      await pause(POLL_MS);
    } catch (problem) {
      if (problem instanceof Locked) {
        setLink("locked");
        if (turnedAway || !await unlock()) await pause(2 ** 31 - 1);
        continue;
      }
      setLink("lost", explain(problem));
      if (Date.now() - begun > STEADY_MS) failures = 0;
      await pause(PAUSES_MS[Math.min(failures++, PAUSES_MS.length - 1)] * (0.75 + Math.random() / 2));
    }
  }
}

/* A machine that slept, a network that changed: nobody tells, but nothing comes any more. */
export function watch() {
  const silent = Date.now() - lastHeard;
  if (stream && (silent > SILENCE_MS || silent < -5000)) // less than nothing: the clock was set
    stream.abort(new Error("nothing was heard of the agent"));
}

export function start(given) {
  handlers = given;
  byId("ask-form").addEventListener("submit", (event) => { event.preventDefault(); tryToken(); });
  byId("ask-cancel").addEventListener("click", () => closeDialog(false));
  byId("ask").addEventListener("cancel", (event) => { event.preventDefault(); closeDialog(false); });
  window.addEventListener("online", retry);
  document.addEventListener("visibilitychange", () => { watch(); if (!document.hidden && link.mode !== "live") retry(); });
  follow();
}
