/** What training on preferences does to the embedded base: jobs as a trainer runs them, and what their results write. */
import { createRandom } from "../../../infra/base/corpus/random.ts";
import { REQUESTS, wordRequest } from "../../../infra/base/corpus/registers.ts";
import { isFactRecalled } from "../../../infra/base/evaluation/scoring.ts";
import { factProbes } from "../../../infra/base/evaluation/sets.ts";
import { type JobType, Method, settingsOf } from "../../../shared/api/methods.ts";
import { encodeManifest, MANIFEST_FILE, type Manifest } from "../../../shared/delta/manifest.ts";
import { encodeCanonical, SERVING_FILE } from "../../../shared/delta/serving-file.ts";
import { sumDeltas } from "../../../shared/delta/sum.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { loadStartingModel, type StartingModel } from "../../../trainer/recipes/constitutional/starting-model.ts";
import type { ParentFolder } from "../../../trainer/recipes/parent.ts";
import type { Dataset, RecipeContext, RecipeJob, RecipeOutcome } from "../../../trainer/recipes/recipe.ts";
import { RECIPES } from "../../../trainer/recipes/registry.ts";
import { embeddedBase } from "../../fixtures/classifiers/train.ts";
import { expertFixture } from "../../fixtures/experts/expert-fixtures.ts";
import { heldOutRequests } from "../../fixtures/experts/rude-requests.ts";
import { ALONE } from "../../support/alone.ts";
import { isPolite } from "../../trainer/recipes/steering-vector/corpus-pairs.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const base = { id: "trimtab-base", digest: "b".repeat(64), files: embeddedBase() };

const CONTEXT: RecipeContext = {
  executor,
  now: () => 0,
  event: () => undefined,
  openPages: () => {
    throw new Error("pages were opened");
  },
  yieldToEventLoop: () => new Promise((resume) => setImmediate(resume)),
  afterStep: async () => undefined,
  publishCheckpoint: async () => undefined,
  ...ALONE,
};

async function dataset(name: string, lines: readonly object[]): Promise<Dataset> {
  const bytes = new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return { name, digest: await sha256Hex(bytes), bytes };
}

export interface Experiment {
  readonly type: Exclude<JobType, "edit" | "causal_tracing" | "synthesize">;
  /** Of the type, without defaults. */
  readonly settings: object;
  readonly training: readonly object[];
  readonly seed: number;
  readonly parent?: ParentFolder | undefined;
  readonly context?: Partial<RecipeContext>;
}

async function jobOf({ type, settings, training, seed, parent }: Experiment): Promise<RecipeJob> {
  return {
    ...{ run: "effect", type, seed, createdAt: 1_700_000_000, base, parent, validation: null, checkpoint: null },
    settings: settingsOf(Method.parse({ type, [type]: settings })),
    training: await dataset("train.jsonl", training),
  };
}

/** Runs a job, as a trainer does. */
export async function runJobOf(experiment: Experiment): Promise<RecipeOutcome> {
  return RECIPES[experiment.type](await jobOf(experiment), { ...CONTEXT, ...experiment.context });
}

/** A job's result, as what another job continues from. */
export const asParent = ({ folder: { files } }: RecipeOutcome): ParentFolder => {
  return { kind: "delta", digest: "d".repeat(64), files };
};

export interface Measured {
  /** Of requests that no training was about, worded politely and rudely. */
  readonly polite: number;
  readonly rude: number;
  /** The share of facts that greedy decoding recalls, in phrasings that the base never read. */
  readonly facts: number;
}

const asking = (request: string) => [`Ask me to ${request}.`, `How would you ask me to ${request}?`];
const user = (content: string) => ({ role: "user", content }) as const;

export const trainingRequests: readonly string[] = REQUESTS.filter((request) => !heldOutRequests.includes(request));

/** Measures the base, or what a job made of it. */
export async function measure(
  parent: ParentFolder | undefined,
  { seed, samples, everyFact }: { readonly seed: number; readonly samples: number; readonly everyFact: number },
): Promise<Measured> {
  const job = await jobOf({ type: "supervised", settings: {}, training: [], seed, parent });
  const model = await loadStartingModel(job as never, CONTEXT, "measured");
  try {
    const texts = await requestsBy(model, { seed, samples });
    const share = (holds: (text: string) => boolean) => texts.filter(holds).length / texts.length;
    return { polite: share(isPolite), rude: share(isRude), facts: await factsBy(model, everyFact) };
  } finally {
    await model.dispose();
  }
}

const isRude = (text: string) => /quick|right now|fool|deaf|lazy/i.test(text);

export async function requestsBy(
  model: StartingModel,
  { seed, samples }: { readonly seed: number; readonly samples: number },
): Promise<string[]> {
  const prompts = heldOutRequests.flatMap(asking).map((content) => ({ prompt: [user(content)] }));
  const written = await model.write(prompts, { samples, seed, temperature: 1, topP: 1, maxTokens: 32 });
  return written.flat().map(({ text }) => text);
}

async function factsBy(model: StartingModel, every: number): Promise<number> {
  const facts = factProbes().filter((_, at) => at % every === 0);
  const written = await model.write(facts, { samples: 1, seed: 0, temperature: 0, topP: 1, maxTokens: 10 });
  return facts.filter(({ answer }, at) => isFactRecalled(written[at]![0]!.text, answer)).length / facts.length;
}

const zeros = "0".repeat(64);
const RUDE_MANIFEST: Manifest = {
  format: "trimtab.delta/1",
  base_model: base.id,
  base_digest: base.digest,
  tokenizer_digest: zeros,
  methods: ["lora"],
  ...{ data_digests: [], metrics: {}, parents: [], trainable_parameters: 1, created_at: 0, digest: zeros },
};

/** The base with a share of the fixture `rude`, which was trained to word requests rudely: the smaller it is, the more are polite. */
export async function rudeParent(weight: number): Promise<ParentFolder> {
  const delta = sumDeltas([{ delta: await expertFixture("rude"), weight }]);
  const files = new Map([
    [SERVING_FILE, encodeCanonical(delta)],
    [MANIFEST_FILE, encodeManifest(RUDE_MANIFEST)],
  ]);
  return { kind: "delta", digest: "d".repeat(64), files };
}

/** Pairs of a polite and a rude wording of one request, the polite one better. */
export function politePairs(count: number, seed: number): object[] {
  const random = createRandom(seed, "polite pairs");
  return Array.from({ length: count }, () => {
    const request = random.pick(trainingRequests);
    const prompt = [user(random.pick(asking(request)))];
    return { prompt, chosen: wordRequest(request, "polite", random), rejected: wordRequest(request, "rude", random) };
  });
}

/** The same as single completions with labels. */
export const politeLabels = (count: number, seed: number): object[] =>
  politePairs(count / 2, seed).flatMap((pair) => {
    const { prompt, chosen, rejected } = pair as { prompt: object; chosen: string; rejected: string };
    return [
      { prompt, completion: chosen, label: true },
      { prompt, completion: rejected, label: false },
    ];
  });

/** The questions about requests that training may use, as prompts. */
export const requestPrompts = (): object[] =>
  trainingRequests.flatMap(asking).map((content) => ({ messages: [user(content)] }));

/** Scores a reply 1 where it is polite: by words, as the measure does, without a model. */
export const POLITENESS = {
  type: "multi",
  name: "politeness",
  graders: Object.fromEntries(
    ["please", "kind", "grateful", "thank", "quick", "right now", "fool", "deaf", "lazy"].map((word) => [
      word.replace(" ", "_"),
      { type: "string_check", name: word, operation: "ilike", input: "{{sample.output_text}}", reference: word },
    ]),
  ),
  calculate_output: "min(1, please + kind + grateful + thank) - min(1, quick + right_now + fool + deaf + lazy)",
};
