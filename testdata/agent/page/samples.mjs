// A report and a history such as the agent serves, with something of everything that they can have.
import { ago } from "./fake.mjs";

const action = (resource, verb, more = {}) => ({ id: `${resource}/${verb}`, verb: verb.split("/")[0], risk: "safe", state: "planned", reason: "the spec lists it, and it is not there", needs: [], calls: [], error: null, allow: null, waitsFor: null, gives: null, ...more });
const differs = (path, change, observed, desired) => ({ path, change, desired, observed });

export const report = (name) => ({
  schema: "trueup/report/v1", trueup: "0.1.0", command: "plan", name, account: "123456789012", region: "eu-west-3", startedAt: ago(305), finishedAt: ago(300), mode: "enforce",
  resources: [
    { kind: "account", name: "123456789012", state: "in-sync", reason: null, differences: [], actions: [], notes: [] },
    { kind: "cluster", name: "my-cluster", state: "drifted", reason: "the cluster is not encrypted at rest",
      differences: [differs("encrypted", "replace", "false", "true"), differs("retired", "remove", "yes", null), differs("owner", "replace", null, { team: "chat" })],
      actions: [action("cluster/my-cluster", "snapshot", { state: "blocked", allow: "replace-cluster", waitsFor: "spec.allow must have the word replace-cluster", reason: "the old cluster stays as it is; what replaces it is restored from a snapshot" }),
        action("cluster/my-cluster", "rename-old", { risk: "disruptive", reason: "the name is needed for the encrypted cluster; searches fail until it has the name" })],
      notes: ["the old cluster costs about 60 USD a month until it is deleted"] },
    { kind: "vectors", name: "items", state: "drifted", reason: "1 of 3 bots is short of rows", differences: [differs("index/lists", "replace", "10", "100")],
      actions: [action("vectors/items", "copy/01HZZZZZZZZZZZZZZZZZZZZZZZ", { state: "waiting", waitsFor: "the snapshot is being restored, 40%" })], notes: [],
      rows: { expected: 3311, present: 3007, bots: { "01HAAAAAAAAAAAAAAAAAAAAAAA": { expected: 2000, present: 2000 }, "01HZZZZZZZZZZZZZZZZZZZZZZZ": { expected: 1204, present: 900 }, "01HMMMMMMMMMMMMMMMMMMMMMMM": { expected: 107, present: 107 } } } },
    { kind: "users", name: "CreatingBotAllowed", state: "drifted", reason: "1 of 2 members missing", differences: [differs("members/alice@example.com", "add", null, "alice@example.com")],
      actions: [action("users/CreatingBotAllowed", "add/alice@example.com", { state: "failed", error: "cognito-idp:AdminAddUserToGroup: AccessDenied: not allowed" })], notes: [] },
    { kind: "bots", name: "calm-notes", state: "in-sync", reason: null, differences: [], actions: [], notes: ["nothing differs here, and yet there is something to say"] },
  ],
});

const run = (at, trigger, state, more = {}) => ({ at: ago(at), trigger, revision: "3a6e4517c06cccfcfe523d165e679bcc08000936", command: "apply", exit: 0, state, problem: null, durationSeconds: 2.4, drift: [], actions: [], ...more });

export const history = () => [
  run(300, "schedule", "drifted", { drift: [{ kind: "cluster", name: "my-cluster", path: "encrypted", change: "replace" }] }),
  run(900, "schedule", "failed", { problem: "was killed by signal 11 (Segmentation fault)" }),
  run(1800, "schedule", "in-sync"), run(2700, "schedule", "in-sync"),
  run(3600, "webhook", "in-sync", { actions: [{ id: "users/CreatingBotAllowed/add/alice@example.com", verb: "add", state: "done", error: null }] }),
  run(4500, "start", "in-sync", { revision: "f00fd181c7cd55c7b36dd8c42ac8a7d8ad6e9bbe" }),
];
