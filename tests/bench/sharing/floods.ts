/** What floods of other tenants cost a neighbour: the time to its first token, and its job's place in the queue. */
import { z } from "zod";
import { ApiClient } from "../../../infra/start/api-client.ts";
import { NewKey, Tenant } from "../../../shared/api/admin.ts";
import { Job } from "../../../shared/api/jobs.ts";
import { Lease } from "../../../shared/api/trainer.ts";

/** A tenant, and a way to ask that can be broken off. */
export interface Client {
  readonly api: ApiClient;
  /** Posts a completion; resolves with its status once it is answered, or with 0 when it was broken off. */
  readonly ask: (body: object, signal: AbortSignal) => Promise<number>;
}

export async function client(admin: ApiClient, url: string, id: string): Promise<Client> {
  const limits = { requests_per_minute: 1_000_000, tokens_per_minute: 1_000_000_000 };
  await admin.post("/v1/admin/tenants", { id, ...limits }, Tenant);
  const { key } = await admin.post(`/v1/admin/tenants/${id}/keys`, { name: "bench" }, NewKey);
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const ask = async (body: object, signal: AbortSignal): Promise<number> => {
    try {
      const init = { method: "POST", headers, body: JSON.stringify(body), signal };
      const response = await fetch(`${url}/v1/completions`, init);
      await response.arrayBuffer();
      return response.status;
    } catch {
      return 0;
    }
  };
  return { api: new ApiClient({ url, token: key, retryForSeconds: 0 }), ask };
}

/** Requests that several tenants send at once: how many each, and what each asks. */
export interface Flood {
  readonly about: string;
  readonly tenants: number;
  readonly requests: number;
  readonly body: (prompt: (length: number) => number[]) => object;
}

export const FLOODS: readonly Flood[] = [
  {
    about: "200 requests of 64 tokens",
    tenants: 1,
    requests: 200,
    body: (prompt) => ({ prompt: prompt(64), max_tokens: 64 }),
  },
  {
    about: "100 requests for 16 choices of 256 tokens",
    tenants: 1,
    requests: 100,
    body: (prompt) => ({ prompt: prompt(16), max_tokens: 256, n: 16 }),
  },
  {
    about: "200 prompts of 480 tokens",
    tenants: 1,
    requests: 200,
    body: (prompt) => ({ prompt: prompt(480), max_tokens: 1 }),
  },
  {
    about: "100 texts of 480 tokens, from each of 2 tenants",
    tenants: 2,
    requests: 100,
    body: (prompt) => ({ prompt: prompt(16), max_tokens: 480 }),
  },
];

export interface Flooded {
  /** Milliseconds to the neighbour's first token. */
  readonly ms: number[];
  /** How often each status answered the flood, by status. */
  readonly statuses: Readonly<Record<number, number>>;
}

export interface FloodOptions {
  readonly model: string;
  readonly neighbour: Client;
  readonly others: readonly Client[];
  /** How many first tokens are measured. */
  readonly rounds: number;
  readonly prompt: (length: number) => number[];
}

/** Milliseconds until the first token of a short streamed completion, which is then broken off. */
export async function firstToken({
  neighbour,
  model,
  prompt,
}: Omit<FloodOptions, "others" | "rounds">): Promise<number> {
  const start = performance.now();
  const body = { model, prompt: prompt(8), max_tokens: 8, seed: 1 };
  for await (const _event of neighbour.api.stream("/v1/completions", body, z.unknown())) break;
  return performance.now() - start;
}

/** Measures a neighbour's first tokens while a flood is there, one after the other, and ends the flood. */
export async function flooded(flood: Flood, options: FloodOptions): Promise<Flooded> {
  const ending = new AbortController();
  const { others, rounds, prompt, model } = options;
  const asked = others
    .slice(0, flood.tenants)
    .flatMap(({ ask }) =>
      Array.from({ length: flood.requests }, () => ask({ model, seed: 1, ...flood.body(prompt) }, ending.signal)),
    );
  // Until the queue is there.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  const ms: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) ms.push(await firstToken(options));
  } finally {
    ending.abort();
  }
  const statuses: Record<number, number> = {};
  for (const status of await Promise.all(asked)) statuses[status] = (statuses[status] ?? 0) + 1;
  // Until what was broken off has left the batch.
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  return { ms, statuses };
}

export interface FloodFigures extends Pick<Flooded, "statuses"> {
  readonly about: string;
  /** Milliseconds to the first token, before the flood and beside it. */
  readonly alone: readonly number[];
  readonly beside: readonly number[];
}

/** Measures a neighbour's first tokens before each flood and beside it. */
export async function measureFloods(options: FloodOptions): Promise<FloodFigures[]> {
  const figures: FloodFigures[] = [];
  // The first request loads the model.
  await firstToken(options);
  for (const flood of FLOODS) {
    const alone: number[] = [];
    for (let round = 0; round < options.rounds; round++) alone.push(await firstToken(options));
    const { ms: beside, statuses } = await flooded(flood, options);
    figures.push({ about: flood.about, alone, beside, statuses });
  }
  return figures;
}

const JOBS = 200;
const STEPS = 1_000_000;
const LINES = 16;

/** Queues one tenant's 200 jobs of a million steps, then a neighbour's only job; gives the neighbour's place among the leases. */
export async function placeInQueue(
  { neighbour, others, model }: Pick<FloodOptions, "neighbour" | "others" | "model">,
  trainer: ApiClient,
): Promise<{ readonly queued: number; readonly place: number }> {
  const lines = Array.from({ length: LINES }, (_, i) =>
    JSON.stringify({
      messages: [
        { role: "user", content: `${i}?` },
        { role: "assistant", content: `${i}.` },
      ],
    }),
  );
  const file = new TextEncoder().encode(lines.join("\n"));
  const queue = async ({ api }: Client) => {
    const { id } = await api.upload("/v1/files", "flood.jsonl", file, z.looseObject({ id: z.string() }));
    return () => {
      const method = { type: "supervised", supervised: { hyperparameters: { max_steps: STEPS } } };
      return api.post(
        "/v1/fine_tuning/jobs",
        { model, training_file: id, method },
        z.looseObject({ id: Job.shape.id }),
      );
    };
  };
  const lease = async () => {
    const request = { trainer: "bench", executors: ["onnxruntime", "tensorflow"] };
    return (await trainer.post("/v1/trainer/leases", request, Lease)).job;
  };
  const create = await queue(others[0]!);
  let queued = 0;
  for (; queued < JOBS; queued++) await create();
  // The trainer has one of them when the neighbour comes.
  await lease();
  const own = await (await queue(neighbour))();
  for (let place = 1; place <= queued; place++) if ((await lease()) === own.id) return { queued, place };
  throw new Error("the neighbour's job was never leased");
}
