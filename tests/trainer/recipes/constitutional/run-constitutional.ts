/** Constitutional jobs on a tiny model that answers with a few words, and ends what it writes. */
import { ConstitutionalSettings } from "../../../../shared/api/constitutional.ts";
import type { TrainerEvent } from "../../../../shared/api/trainer.ts";
import { sha256Hex } from "../../../../shared/formats/digest.ts";
import type { RecipeContext, RecipeJob, RecipeOutcome } from "../../../../trainer/recipes/recipe.ts";
import { RECIPES } from "../../../../trainer/recipes/registry.ts";
import { tinyDataset } from "../../tiny-model.ts";
import { quietContext, TINY_FILES, tinyJobOf } from "../objectives/run-objective.ts";

let trained: Promise<Map<string, Uint8Array>> | undefined;

/** The folder of a tiny model that has learnt to answer with words. */
export function wordModel(): Promise<Map<string, Uint8Array>> {
  trained ??= train();
  return trained;
}

async function train(): Promise<Map<string, Uint8Array>> {
  const settings = {
    hyperparameters: {
      n_epochs: "auto",
      batch_size: 16,
      learning_rate_multiplier: "auto",
      learning_rate: 0.01,
      max_steps: 60,
    },
    peft: { type: "full" },
  } as const;
  const job = await tinyJobOf({ settings: settings as never, training: tinyDataset(200) });
  const { folder } = await RECIPES.supervised({ ...job, type: "supervised" }, quietContext());
  const files = new Map([...TINY_FILES, ...folder.files]);
  // Room for what a critic is asked; positions are rotary, so any number of them will do.
  const config = JSON.parse(new TextDecoder().decode(files.get("config.json"))) as object;
  const longer = JSON.stringify({ ...config, max_position_embeddings: 512 });
  return files.set("config.json", new TextEncoder().encode(longer));
}

export const jsonl = (lines: readonly unknown[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join("");

const WORDS = ["red", "green", "blue", "one", "two", "three", "up", "down"];

/** Prompts of two words, of which none is like another. */
export const prompts = (count: number): object[] =>
  Array.from({ length: count }, (_, i) => ({
    messages: [{ role: "user", content: `${WORDS[i % 8]} ${WORDS[(i + 1 + Math.floor(i / 8)) % 8]}` }],
    wanted: WORDS[i % 8],
  }));

/** Whether the reply has the word that the line wants. */
export const WANTED = {
  type: "string_check",
  name: "wanted",
  operation: "like",
  input: "{{sample.output_text}}",
  reference: "{{item.wanted}}",
} as const;

export const TRAINING = {
  hyperparameters: { batch_size: 4, max_steps: 3, learning_rate: 0.001 },
  peft: { type: "lora", r: 2, lora_alpha: 4 },
  report: { enabled: false },
} as const;

export interface ConstitutionalRun {
  readonly settings?: object;
  readonly training?: string;
  readonly validation?: string;
  readonly checkpoint?: Uint8Array;
  readonly context?: Partial<RecipeContext>;
}

export interface Ran {
  readonly outcome: RecipeOutcome;
  readonly events: readonly Omit<TrainerEvent, "seq">[];
  /** The files that were kept, as text. */
  readonly kept: ReadonlyMap<string, string>;
  /** Of the result's files. */
  readonly digests: Readonly<Record<string, string>>;
}

export async function constitutionalJob(options: ConstitutionalRun): Promise<RecipeJob> {
  const settings = ConstitutionalSettings.parse({ max_tokens: 16, ...TRAINING, ...options.settings });
  const job = await tinyJobOf({
    settings: settings as never,
    training: options.training ?? jsonl(prompts(20)),
    ...(options.validation === undefined ? {} : { validation: options.validation }),
    ...(options.checkpoint === undefined ? {} : { checkpoint: options.checkpoint }),
  });
  const files = await wordModel();
  return { ...job, type: "constitutional", base: { ...job.base, files } };
}

export async function runConstitutional(options: ConstitutionalRun = {}): Promise<Ran> {
  const events: Omit<TrainerEvent, "seq">[] = [];
  const kept = new Map<string, string>();
  const context = quietContext({
    event: (event) => void events.push(event),
    keepFile: async ({ name, bytes }) => void kept.set(name, new TextDecoder().decode(bytes)),
    ...options.context,
  });
  const outcome = await RECIPES.constitutional(await constitutionalJob(options), context);
  const digests = [...outcome.folder.files].map(async ([name, bytes]) => [name, await sha256Hex(bytes)] as const);
  return { outcome, events, kept, digests: Object.fromEntries(await Promise.all(digests)) };
}

/** The states of a run after each of its steps, in order; the run ends with the result, or is killed after `until`. */
export async function stateAfter(step: number, options: ConstitutionalRun): Promise<Uint8Array> {
  let state: Uint8Array | undefined;
  const afterStep: RecipeContext["afterStep"] = async (progress) => {
    if (progress.step !== step) return;
    state = progress.state();
    throw new Error("killed");
  };
  await runConstitutional({ ...options, context: { ...options.context, afterStep } }).catch((error: Error) => {
    if (error.message !== "killed") throw error;
  });
  if (state === undefined) throw new Error(`the run ended before step ${step}`);
  return state;
}

/** The lines of a kept file. */
export const linesOf = (text: string | undefined): Record<string, unknown>[] =>
  (text ?? "").split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Record<string, unknown>]));
