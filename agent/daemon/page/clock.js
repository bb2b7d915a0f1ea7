/*
 * Times are told by the agent's clock: the viewer's may be wrong by hours.
 */
let offset = 0; // what the agent's clock is ahead of this machine's, in milliseconds

/* Takes the time from an answer that was asked for at this moment of this machine's clock. */
export function setClock(answer, askedAt) {
  const date = Date.parse(answer.headers.get("Date")), now = Date.now();
  if (!Number.isNaN(date) && now >= askedAt) offset = date + 500 - (askedAt + now) / 2; // the header has whole seconds
}

export const agentTime = () => Date.now() + offset;

export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

export function duration(seconds) {
  const units = [[86400, "day"], [3600, "hour"], [60, "minute"]];
  for (const [size, name] of units) if (seconds >= size) return plural(Math.floor(seconds / size), name);
  return plural(Math.max(0, Math.round(seconds)), "second");
}

/* "2026-11-29 17:20:03 UTC" */
export const absolute = (time) => `${new Date(time).toISOString().slice(0, 19).replace("T", " ")} UTC`;

/* "3 minutes ago"; of a time since which something is, "for 3 minutes"; of one to come that has passed, "due now". */
function relative(time, kind) {
  const seconds = (agentTime() - time) / 1000;
  if (kind === "since") return `for ${duration(seconds)}`;
  if (kind === "due" && seconds > -1) return "due now";
  if (Math.abs(seconds) < 2) return "now";
  return seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
}

/* An element that tells a time: relative, and the exact one for who asks. Kept true by tick(). kind: "", since, due */
export function when(text, kind = "") {
  const node = document.createElement("time"), time = Date.parse(text);
  if (Number.isNaN(time)) return "";
  node.dateTime = text;
  node.title = absolute(time);
  if (kind) node.dataset.kind = kind;
  node.textContent = relative(time, kind);
  return node;
}

export function tick() {
  for (const node of document.querySelectorAll("time")) {
    const text = relative(Date.parse(node.dateTime), node.dataset.kind);
    if (node.textContent !== text) node.textContent = text;
  }
}
