/** A trainer that solves no edits: its deltas are random, and its reports say what the test wants. */

import { folderDigest } from "../../../shared/api/artefacts.ts";
import type { Lease, Result } from "../../../shared/api/trainer.ts";
import { EDIT_FILE, encodeEditFile } from "../../../shared/edits/edit-file.ts";
import { EditFact } from "../../../shared/edits/fact.ts";
import { EDIT_REPORT_FILE, type EditConflict, type EditReport, type FactReport } from "../../../shared/edits/report.ts";
import { matrix } from "../../../shared/linalg/matrix.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { writeDeltaFolder } from "../../../shared/package/delta-folder.ts";
import { adaptersOf } from "../../../shared/peft/adapters-of.ts";
import { createRandom } from "../../../shared/random.ts";
import { f32 } from "../../../shared/tensor.ts";
import { type Api, storing, TRAINER_TOKEN } from "./api.ts";
import { FakeTrainer } from "./fake-trainer.ts";
import { type Folder, fileList, TINY_CONFIG } from "./tiny-base.ts";

const config = parseModelConfig(TINY_CONFIG);
const LAYER = 1;

/** A delta of rank 1 on a layer's `mlp.down_proj`, with a key for each of the facts. */
export async function editFolder(
  base: { id: string; digest: string },
  facts: readonly EditFact[],
  name: string,
): Promise<Folder> {
  const { normal } = createRandom(5, name);
  const numbers = (length: number, scale: number) => Float32Array.from({ length }, () => scale * normal());
  const { hiddenSize, ffnSize: intermediateSize } = config;
  const factors = {
    a: f32([intermediateSize, 1], numbers(intermediateSize, 1)),
    b: f32([1, hiddenSize], numbers(hiddenSize, 1)),
  };
  const delta = { linears: new Map([[`layers.${LAYER}.mlp.down_proj`, factors]]), bottlenecks: new Map() };
  const weight = async () => f32([1], [0]);
  const folder = await writeDeltaFolder(await adaptersOf(delta, { id: base.id, config, weight }), {
    base_model: base.id,
    base_digest: base.digest,
    tokenizer_digest: "0".repeat(64),
    methods: ["edit"],
    data_digests: [],
    metrics: {},
    parents: [],
    created_at: 0,
  });
  const keys = new Map([
    [LAYER, matrix(facts.length, intermediateSize, Float64Array.from(numbers(facts.length * intermediateSize, 1)))],
  ]);
  folder.set(
    EDIT_FILE,
    encodeEditFile({
      method: "memit",
      value_norm: 1,
      facts: facts.map(({ prompt, subject, target_new }, index) => ({ index, prompt, subject, target_new })),
      keys,
    }),
  );
  return folder;
}

const SCORES = { efficacy: 1, paraphrase: 0.5, neighbourhood: 1, score: 0.75 };

function factReport(fact: EditFact, index: number): FactReport {
  const { prompt, subject, target_new, target_true = null, kind } = fact;
  return {
    ...{ index, prompt, subject, target_new, target_true, kind, status: "edited", reason: null, scores: SCORES },
    ...{ teacher_forced: null, text: { before: "a", after: target_new }, probability: { before: 0.1, after: 0.9 } },
    paraphrases: { source: "templates", count: 2 },
    neighbours: { source: "none", count: 0 },
    value: null,
  };
}

export function editReport(facts: readonly EditFact[], changes: Partial<EditReport> = {}): EditReport {
  return {
    ...{ format: "trimtab.edit/1", method: "memit", layers: [LAYER], layers_from: "tracing", norm_scaling: false },
    published: true,
    facts: facts.map(factReport),
    ...{ scores: SCORES, teacher_forced: SCORES, fluency: { before: 4, after: 3.9 } },
    base_loss: { before: 2, after: 2.02, change: 0.01, tokens: 100 },
    changes: [
      {
        ...{ layer: LAYER, module: `layers.${LAYER}.mlp.down_proj`, rank: 1, norm: 1, relative_norm: 0.1, lost: 0 },
        ...{ condition: 10, residual: 0, jitter: 0 },
      },
    ],
    statistics: { source: "corpus", tokens: 1000, convergence: [{ tokens: 1000, change: 0.1 }] },
    conflicts: [],
    seconds: { total: 1, statistics: 0, tracing: 0, values: 1, solve: 0, refine: 0, scoring: 0 },
    ...changes,
  };
}

export class EditTrainer extends FakeTrainer {
  readonly #api: Api;

  constructor(api: Api) {
    super(api, "edits");
    this.#api = api;
  }

  /** Leases the next job of the lane for edits. */
  async leaseEdit(): Promise<{ lease: Lease; facts: EditFact[] }> {
    const lease = await this.lease({ lanes: ["edits"] });
    if (lease === undefined) throw new Error("there is no edit to lease");
    const text = new TextDecoder().decode(await (await this.read(lease, lease.training_file.path)).bytes());
    return {
      lease,
      facts: text
        .trim()
        .split("\n")
        .map((line) => EditFact.parse(JSON.parse(line))),
    };
  }

  async keep(lease: Lease, name: string, value: unknown): Promise<void> {
    const body = new TextEncoder().encode(JSON.stringify(value));
    const path = `/v1/trainer/jobs/${lease.job}/kept/${name}`;
    await this.#api.call("PUT", path, { key: TRAINER_TOKEN, headers: await storing(lease, body), body });
  }

  async store(lease: Lease, folder: Folder): Promise<Result> {
    const files = await fileList(folder);
    const digest = await folderDigest(files);
    for (const [name, body] of folder) {
      const path = `/v1/trainer/jobs/${lease.job}/artefacts/delta/${digest}/${encodeURIComponent(name)}`;
      await this.#api.call("PUT", path, { key: TRAINER_TOKEN, headers: await storing(lease, body), body });
    }
    return { kind: "delta", digest, files };
  }

  /** Ends a job with that result, or with none. */
  finish(lease: Lease, result: Result | null): Promise<{ model: string | null }> {
    const body = { result, metrics: {}, trained_tokens: 0 };
    return this.#api.call("POST", `/v1/trainer/jobs/${lease.job}/complete`, this.held(lease, body));
  }

  /** Leases the next edit and publishes it; edits of the same facts and name have the same delta. */
  async solve(
    changes: Partial<EditReport> = {},
    name?: string,
  ): Promise<{ lease: Lease; facts: EditFact[]; model: string | null }> {
    const { lease, facts } = await this.leaseEdit();
    await this.keep(lease, EDIT_REPORT_FILE, editReport(facts, changes));
    const result = await this.store(lease, await editFolder(lease.base, facts, name ?? lease.job));
    return { lease, facts, ...(await this.finish(lease, result)) };
  }

  /** Leases the next check and reports the conflicts. */
  async check(conflicts: readonly EditConflict[]): Promise<Lease> {
    const { lease } = await this.leaseEdit();
    await this.keep(lease, EDIT_REPORT_FILE, editReport([], { published: false, conflicts: [...conflicts] }));
    await this.finish(lease, null);
    return lease;
  }
}
