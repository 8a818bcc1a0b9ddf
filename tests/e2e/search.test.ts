/** What searching is worth on the embedded base over HTTP: by a judge that the search does not know, at the cost that usage states. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { heldOutReviewExamples, trainSentimentClassifier } from "../../infra/base/evaluation/sentiment-classifier.ts";
import { ApiClient } from "../../infra/start/api-client.ts";
import { addBase, demoKey } from "../../infra/start/demo-account.ts";
import { choosePort } from "../../infra/start/free-port.ts";
import { StateFolder } from "../../infra/start/state-folder.ts";
import { tarEnd, tarEntry } from "../../shared/formats/tar.ts";
import { classifierFixture } from "../fixtures/classifiers/classifier-fixtures.ts";
import { type Program, ROOT, run, untilHealthy } from "./programs.ts";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const BASE = "trimtab-base";
const ITEMS = [
  "hotel",
  "restaurant",
  "film",
  "phone",
  "book",
  "cafe",
  "play",
  "camera",
  "novel",
  "hostel",
  "show",
  "lamp",
];
/** Nothing in them says whether the writer was pleased. */
const PROMPTS = ITEMS.map((item) => `Review of a ${item}:`);

let state: string;
let serve: Program;
let client: OpenAI;
let classifier: string;
/** Trained on other reviews, as words and pairs of words. */
const judge = trainSentimentClassifier(heldOutReviewExamples(77, 2000));

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), "trimtab-search-"));
  const port = String(await choosePort("0"));
  const url = `http://127.0.0.1:${port}`;
  serve = run("npm", ["run", "serve", "--silent"], { PORT: port, TRIMTAB_STATE: state });
  await untilHealthy(url);
  const folder = new StateFolder(state);
  const admin = new ApiClient({ url, token: folder.secrets().admin_token });
  await addBase(admin, BASE, join(ROOT, "infra/base/model"));
  const key = await demoKey(admin, url, folder);
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const { files } = await classifierFixture("sentiment");
  const archive = [...files].flatMap(([name, bytes]) => {
    const { header, padding } = tarEntry(name, bytes.length);
    return [header, bytes, padding];
  });
  const form = new FormData();
  form.append("model", BASE);
  form.append("file", new File([...archive, tarEnd()] as Uint8Array<ArrayBuffer>[], "sentiment.tar"));
  const headers = { authorization: `Bearer ${key}` };
  const uploaded = await fetch(`${url}/v1/deltas`, { method: "POST", headers, body: form });
  classifier = ((await uploaded.json()) as { id: string }).id;
});

afterAll(async () => {
  serve.child.kill("SIGTERM");
  await serve.ended;
  rmSync(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

interface Report {
  readonly tokens: number;
  readonly candidates: number;
  readonly score: number;
  readonly scores: (number | null)[];
}

async function outcome(search: object) {
  const request = {
    model: BASE,
    prompt: PROMPTS,
    seed: 12,
    temperature: 1,
    max_tokens: 40,
    stop: ["\n"],
    steering: { search },
  };
  const { choices, usage } = await client.completions.create(request as never);
  const reports = choices.map((choice) => (choice as unknown as { steering_search: Report }).steering_search);
  const { completion_tokens: completion, steering_tokens: steering } = usage as unknown as Record<string, number>;
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    /** The mean probability that the other judge gives. */
    reward: mean(choices.map(({ text }) => judge.positive(text))),
    tokens: reports.reduce((sum, { tokens }) => sum + tokens, 0),
    cost: completion! + steering!,
    texts: choices.map(({ text }) => text),
    reports,
  };
}

test("best-of-8 beats one text by another judge, and early rejection keeps that at less than half of the cost", async () => {
  const by = { classifier, label: "positive" };
  const one = await outcome({ best_of: 1, by });
  const eight = await outcome({ best_of: 8, by });
  const early = await outcome({ best_of: 8, by, reject: { fraction: 0.7, every: 5 } });
  for (const { reports } of [one, eight, early]) {
    for (const { score, scores } of reports) expect(score).toBe(Math.max(...scores.map((one) => one ?? 0)));
  }
  const gain = eight.reward - one.reward;
  expect(gain).toBeGreaterThan(0.2);
  expect(early.reward - one.reward).toBeGreaterThanOrEqual(0.95 * gain);
  expect(early.cost).toBeLessThanOrEqual(0.5 * eight.cost);
  // Eight texts cost what eight cost, each with a row beside it that judges it.
  expect(eight.cost / one.cost).toBeGreaterThan(6);
  expect(eight.cost / one.cost).toBeLessThan(10);
  // The same seed gives the same texts.
  expect((await outcome({ best_of: 8, by, reject: { fraction: 0.7, every: 5 } })).texts).toEqual(early.texts);
});

test("a stream brings the chosen text and what the search did; what cannot be is refused by name", async () => {
  const ask = { model: BASE, prompt: PROMPTS[0]!, seed: 3, temperature: 1, max_tokens: 12, stream: true };
  const search = { best_of: 3, max_total_tokens: 30 };
  interface Chunk {
    readonly text: string;
    readonly steering_search?: Report;
  }
  const chunks: Chunk[] = [];
  const streamed = { ...ask, steering: { search } } as OpenAI.CompletionCreateParamsStreaming;
  for await (const { choices } of await client.completions.create(streamed)) chunks.push(...choices);
  const whole = await client.completions.create({ ...ask, stream: false, steering: { search } } as never);
  expect(chunks.map(({ text }) => text).join("")).toBe(whole.choices[0]!.text);
  expect(chunks.flatMap((chunk) => (chunk.steering_search === undefined ? [] : [chunk.steering_search]))).toEqual([
    expect.objectContaining({ candidates: 2, budget: 30, ended: "budget" }),
  ]);
  const refused = (asked: object) => client.completions.create({ ...ask, stream: false, steering: asked } as never);
  await expect(refused({ search: { by: { reward: classifier } } })).rejects.toMatchObject({
    status: 400,
    param: "steering.search.by.reward",
  });
  await expect(refused({ search: { by: { reward: "none" } } })).rejects.toMatchObject({
    status: 404,
    param: "steering.search.by.reward",
  });
  await expect(refused({ search: { by: { scorer: "none" } } })).rejects.toMatchObject({
    param: "steering.search.by.scorer",
  });
  await expect(refused({ search: { method: "vote" } })).resolves.toBeDefined();
  const greedy = { ...ask, temperature: 0, stream: false, steering: { search: {} } };
  await expect(client.completions.create(greedy as never)).rejects.toMatchObject({ param: "steering.search.best_of" });
  await expect(refused({ search: { method: "beam", best_of: 16 } })).rejects.toMatchObject({
    status: 400,
    param: "steering.search.best_of",
  });
});
