import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, it, onTestFinished, vi } from "vitest";
import { type EditAction, type EditCommandOptions, editCommand } from "../../../../infra/cli/edit/edit.ts";
import { barLine } from "../../../../infra/cli/edit/watch.ts";
import type { CliEffects } from "../../../../infra/cli/effects.ts";
import { tenantClient } from "../../../../infra/cli/tenant-access.ts";
import type { Edit } from "../../../../shared/api/edits.ts";

const SCORES = { efficacy: 1, paraphrase: 0.5, neighbourhood: null, score: 0.6 };
const FACT = { index: 0, prompt: "The capital of France is", subject: "France", target_new: "Lyon", target_true: null };

function edit(changes: Partial<Edit> = {}): Edit {
  return {
    ...{ id: "edit-1", object: "edit", created_at: 1, status: "queued", model: "trimtab-base", base: "trimtab-base" },
    ...{ deltas: [], method: "rome", job: "ftjob-1", delta: null, fine_tuned_model: null, scores: null },
    ...{ teacher_forced: null, fluency: null, base_loss: null, layers: null, layers_from: null, norm_scaling: null },
    ...{ changes: [], statistics: null, seconds: null, removal: null, metadata: null, error: null, conflicts: [] },
    fact_counts: { total: 1, edited: 0, failed: 0, already_known: 0, skipped: 0 },
    facts: [{ ...FACT, kind: "fact", status: "waiting" }],
    ...changes,
  };
}

const DONE = edit({
  ...{ status: "succeeded", delta: "delta-1", fine_tuned_model: "ft:trimtab-base:demo::x", layers: [3] },
  scores: { ...SCORES, fluency: 4, base_loss_change: 0.001 },
  base_loss: { before: 2, after: 2.002, change: 0.001, tokens: 10 },
  seconds: { total: 1.25, statistics: 0, tracing: 0, values: 1, solve: 0, refine: 0, scoring: 0.25 },
  facts: [
    {
      ...FACT,
      ...{ kind: "fact", status: "edited", reason: null, scores: SCORES, teacher_forced: null, value: null },
      text: { before: " Paris.", after: " Lyon.\nIt" },
      probability: { before: 0.1, after: 0.9 },
      paraphrases: { source: "given", count: 2 },
      neighbours: { source: "none", count: 0 },
    },
  ],
});

const replies = new Map<string, unknown[]>();
const seen: { line: string; body: unknown }[] = [];
const written: string[] = [];
const statuses: number[] = [];
const effects: CliEffects = {
  progress: { write: (text) => written.push(text) },
  print: () => {},
  fail: (_, status) => void statuses.push(status),
  input: process.stdin,
  env: {},
  now: () => 0,
  sleep: async () => {},
};

beforeEach(() => {
  replies.clear();
  seen.length = 0;
  written.length = 0;
  statuses.length = 0;
});

/** Runs a command against a server that gives each call its next reply, the last of them again and again. */
async function run([action, ...words]: [EditAction, ...string[]], options: Partial<EditCommandOptions> = {}) {
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const line = `${request.method} ${request.url}`;
    seen.push({ line, body: text === "" ? undefined : JSON.parse(text) });
    const queue = replies.get(line) ?? [];
    const reply = queue.length > 1 ? queue.shift() : queue[0];
    if (reply === undefined) response.statusCode = 404;
    response.end(
      JSON.stringify(reply ?? { error: { message: `no ${line}`, code: "not_found", param: null, type: "t" } }),
    );
  });
  await new Promise<void>((started) => server.listen(0, "127.0.0.1", started));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return editCommand(action, words, { json: false, wait: true, url, key: "tt_demo_x", ...options }, effects);
}

const event = (id: string, message: string, data: unknown = null) => ({
  ...{ object: "fine_tuning.job.event", id, created_at: 1, level: "info", message, type: "message", data },
});
const page = (data: readonly { id: string }[]) => ({
  ...{ object: "list", data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null },
});

it("creates an edit of one fact, tells what its job says, and shows how well it holds", async () => {
  replies.set("POST /v1/edits", [edit()]);
  replies.set("GET /v1/edits/edit-1", [edit({ status: "running" }), DONE]);
  replies.set("GET /v1/fine_tuning/jobs/ftjob-1/events?limit=100", [
    page([event("b", "found values", { done: 1, of: 2 }), event("a", "took key statistics")]),
    page([event("c", "scored"), event("b", "found values"), event("a", "took key statistics")]),
  ]);
  const flags = { prompt: FACT.prompt, subject: "France", target: "Lyon", delta: ["delta-0=0.5", "delta-2"] };
  const text = await run(["create"], { ...flags, method: "rome", options: '{"layers":3}', suffix: "s" });
  expect(seen[0]!.body).toEqual({
    ...{ model: "trimtab-base", method: "rome", options: { layers: 3 }, suffix: "s" },
    deltas: [{ id: "delta-0", weight: 0.5 }, { id: "delta-2" }],
    facts: [{ prompt: FACT.prompt, subject: "France", target_new: "Lyon", kind: "fact" }],
  });
  expect(written).toEqual(["took key statistics\n", "found values\n", "scored\n"]);
  expect(text).toContain("edit-1  succeeded");
  expect(text).toContain("use     ft:trimtab-base:demo::x");
  expect(text).toContain("efficacy 100 %, paraphrase 50 %, neighbourhood –");
  expect(text).toContain('says "Lyon. It"');
});

it("reads facts from a file, and says which line is wrong", async () => {
  const folder = mkdtempSync(join(tmpdir(), "trimtab-facts-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "facts.jsonl");
  writeFileSync(file, '{"prompt":"a b","subject":"a","target_new":"c"}\n{"prompt":"d e","subject":"d"}\n');
  await expect(run(["create", file])).rejects.toThrow(`${file}, line 2: target_new`);
  writeFileSync(file, '{"prompt":"a b","subject":"a","target_new":"c"}\n');
  await expect(run(["create", file], { subject: "a" })).rejects.toThrow("not both");
  await expect(run(["create"], { prompt: "a b" })).rejects.toThrow("--subject, --target missing");
  await expect(run(["create", join(folder, "none")])).rejects.toThrow("cannot be read");
  replies.set("POST /v1/edits", [edit()]);
  expect(await run(["create", file], { wait: false })).toContain("edit-1  queued");
  expect(JSON.parse((await run(["create", file], { wait: false, json: true }))!)).toMatchObject({ id: "edit-1" });
});

it("lists, checks, merges and undoes edits", async () => {
  const { facts: _, conflicts: __, ...summary } = DONE;
  replies.set("GET /v1/edits?limit=100", [page([])]);
  expect(await run(["list"])).toBe("There are no edits.\n");
  replies.set("GET /v1/edits?limit=100&model=m", [page([summary])]);
  expect(await run(["list"], { model: "m" })).toMatch(/edit-1 +succeeded +rome +0\/1 +100 %/);
  replies.set("GET /v1/edits?limit=100", [{ ...page([summary]), has_more: true }]);
  replies.set("GET /v1/edits?limit=100&after=edit-1", [page([{ ...summary, id: "edit-0" }])]);
  expect(await run(["list"])).toMatch(/edit-1 .*\nedit-0 /);
  const both = JSON.parse((await run(["list"], { json: true }))!) as { data: { id: string }[] };
  expect(both).toMatchObject({ data: [{ id: "edit-1" }, { id: "edit-0" }], has_more: false, last_id: "edit-0" });
  const conflict = {
    ...{ kind: "interfering_keys", fact: 0, angle_degrees: 12.4, message: "They are close." },
    with: { edit: "edit-0", fact: 0, prompt: "p", target_new: "t" },
  };
  const check = { object: "edit.check", model: "trimtab-base", keys: "compared", error: null };
  replies.set("POST /v1/edits/check", [
    { ...check, conflicts: [conflict] },
    { ...check, conflicts: [], keys: "not_compared" },
  ]);
  const flags = { prompt: FACT.prompt, subject: "France", target: "Lyon" };
  expect(await run(["check"], flags)).toMatch(/0 +interfering keys +12° +They are close\./);
  expect(await run(["check"], { ...flags, wait: false })).toBe(
    "No conflicts.\nOnly the texts were compared, not the facts' keys.\n",
  );
  replies.set("POST /v1/edits/merge", [DONE]);
  expect(await run(["merge", "edit-1", "edit-2"])).toContain("edit-1  succeeded");
  expect(seen.at(-1)!.body).toEqual({ edits: ["edit-1", "edit-2"] });
  replies.set("DELETE /v1/edits/edit-1", [{ id: "edit-1", object: "edit", deleted: true }]);
  expect(await run(["delete", "edit-1"])).toBe("edit-1 is undone.\n");
  const removal = { fact: 0, job: "ftjob-2", status: "running" as const, error: null };
  replies.set("DELETE /v1/edits/edit-1/facts/0", [{ ...DONE, removal }]);
  replies.set("GET /v1/edits/edit-1", [{ ...DONE, removal }, DONE]);
  replies.set("GET /v1/fine_tuning/jobs/ftjob-2/events?limit=100", [page([event("x", "solved again")])]);
  replies.set("GET /v1/fine_tuning/jobs/ftjob-1/events?limit=100", [page([])]);
  expect(await run(["delete", "edit-1"], { fact: "0" })).toContain("edit-1  succeeded");
  expect(statuses).toEqual([]);
  expect(written).toEqual(["solved again\n"]);
  await expect(run(["show"])).rejects.toThrow("Give an edit's id");
  await expect(run(["show", "edit-9"])).rejects.toThrow("no GET /v1/edits/edit-9");
});

it("writes the heat map of a tracing once there is one", async () => {
  const folder = mkdtempSync(join(tmpdir(), "trimtab-tracing-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const shown = { object: "tracing", model: "acme/m", base: "acme/m", note: null, job: null };
  const tracing = {
    ...{ format: "trimtab.tracing/1", source: "base", facts: 3, samples: 4, noise: 3, layers: 2 },
    ...{ clean: 0.8, corrupted: 0.1, best_layer: 1, mlp: { last: [0, 1] }, stream: { last: [1, 0] } },
  };
  replies.set("GET /v1/models/acme%2Fm/tracing", [
    { ...shown, status: "running", tracing: null },
    { ...shown, status: "succeeded", tracing },
  ]);
  const out = join(folder, "a.svg");
  expect(await run(["tracing", "acme/m"], { out })).toBe(`MLPs recall the most in layer 1.\nWrote ${out}.\n`);
  expect(readFileSync(out, "utf8")).toContain("Where acme/m recalls facts");
});

it("draws a bar from counts", () => {
  expect(barLine({ done: 1, of: 4 }, "values")).toBe(`${"█".repeat(6)}${"░".repeat(18)} 1/4  values`);
  expect(barLine({ done: 9, of: 4 }, "values")).toContain("█".repeat(24));
});

it("finds the server and a key, or says what to give", () => {
  expect(() => tenantClient({ url: "localhost" }, {})).toThrow('--url is "localhost"');
  expect(() => tenantClient({ url: "https://a.example" }, {})).toThrow("Give a tenant's key as --key");
  expect(() => tenantClient({}, { OPENAI_BASE_URL: "https://a.example/v1", OPENAI_API_KEY: "k" })).not.toThrow();
  const folder = mkdtempSync(join(tmpdir(), "trimtab-state-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  expect(() => tenantClient({}, { TRIMTAB_STATE: folder })).toThrow("is not the state folder of a stack");
  vi.unstubAllEnvs();
});
