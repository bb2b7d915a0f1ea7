// An agent as the page sees it, that does what a test wants: many deployments, refusals, silence, another clock.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const TYPES = { html: "text/html; charset=utf-8", css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8" };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const ago = (seconds, skew = 0) => new Date(Date.now() + skew - seconds * 1000).toISOString().slice(0, 19) + "Z";

export function deployment(name, state, more = {}) {
  return { name, spec: `specs/${name}.yaml`, mode: "apply", state, reason: state === "in-sync" ? null : `it is ${state}`, since: ago(7200), revision: "3a6e4517c06cccfcfe523d165e679bcc08000936",
    running: null, nextRunAt: ago(-600), lastRunAt: ago(300), lastDurationSeconds: 2.5, lastTrigger: "schedule", lastSuccessAt: ago(300), failures: 0,
    conditions: [{ kind: "users", name: "CreatingBotAllowed", state: state === "in-sync" ? "in-sync" : "drifted", reason: state === "in-sync" ? null : "1 of 2 members missing", since: ago(7200) }],
    actions: { planned: 0, done: 0, waiting: 0, blocked: 0, failed: 0 }, rows: null, ...more };
}

export const running = (...progress) => ({ startedAt: ago(3), trigger: "schedule", progress });

export class FakeAgent {
  constructor(folder) {
    this.folder = folder;
    this.reset();
    this.server = createServer((request, response) => this.answer(request, response));
  }

  reset() {
    this.drop();
    Object.assign(this, { deployments: [], reports: {}, histories: {}, token: "", skew: 0, slots: 32, deaf: false, refusal: null, streams: new Set(), asked: [],
      source: { kind: "git", url: "https://git.example.com/platform/bedrock-chat-specs.git", directory: "specs", revision: "3a6e4517c06cccfcfe523d165e679bcc08000936",
        revisionAt: ago(7200), checkedAt: ago(20), state: "ok", error: null, errors: [], refused: null } });
  }

  async start() {
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${this.server.address().port}/`;
  }

  stop() { this.drop(); this.server.closeAllConnections(); this.server.close(); }

  drop() { for (const stream of this.streams || []) stream.destroy(); }

  send(event, data) { for (const stream of this.streams) stream.write(`id: 1\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`); }

  // A change of a deployment, as the agent tells it.
  change(name, more) {
    const one = this.deployments.find((each) => each.name === name);
    Object.assign(one, more);
    this.send("deployment", one);
  }

  answer(request, response) {
    const path = new URL(request.url, "http://fake").pathname, file = path === "/" ? "index.html" : path.slice(1);
    response.setHeader("Content-Security-Policy", POLICY);
    response.setHeader("X-Content-Type-Options", "nosniff");
    response.setHeader("Date", new Date(Date.now() + this.skew).toUTCString());
    this.asked.push(`${request.method} ${path}`);
    if (TYPES[file.split(".").pop()] && !path.includes("api/")) {
      response.setHeader("Content-Type", TYPES[file.split(".").pop()]);
      response.end(readFileSync(`${this.folder}/${file}`));
    } else if (this.deaf) {
      return; // whoever asks waits for ever
    } else if (this.token && request.headers.authorization !== `Bearer ${this.token}`) {
      this.json(response, 401, { error: "it takes the token" });
    } else {
      this.api(request, response, path.split("/").slice(3).map(decodeURIComponent));
    }
  }

  json(response, status, value) {
    response.writeHead(status, { "Content-Type": "application/json; charset=utf-8" });
    response.end(JSON.stringify(value));
  }

  api(request, response, [what, name, part]) {
    if (what === "events" && request.method === "HEAD") {
      response.end();
    } else if (what === "events" && this.streams.size >= this.slots) {
      this.json(response, 503, { error: "too many listen to events already: try again later" });
    } else if (what === "events") {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write("retry: 3000\n\n");
      this.streams.add(response);
      response.on("close", () => this.streams.delete(response));
    } else if (part === "reconcile" && this.refusal) {
      if (this.refusal.status) this.json(response, this.refusal.status, { error: this.refusal.error }); else response.destroy();
    } else if (part === "reconcile") {
      this.json(response, 202, { name, requested: true });
    } else if (part === "report") {
      if (this.reports[name]) this.json(response, 200, this.reports[name]); else { response.writeHead(204); response.end(); }
    } else if (part === "history") {
      this.json(response, 200, { runs: this.histories[name] || [] });
    } else {
      this.json(response, 200, { agent: { version: "0.1.0", startedAt: ago(86400), now: ago(0, this.skew), mode: "apply", ready: true, stopping: false, source: this.source }, deployments: this.deployments });
    }
  }
}
