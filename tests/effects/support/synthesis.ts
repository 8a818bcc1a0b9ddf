/** Data made by the embedded base from a few of the tasks that it knows, without a server. */
import type { SynthesisReport } from "../../../shared/api/synthesis-report.ts";
import { SynthesizeSettings } from "../../../shared/api/synthesize.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import type { ModelFiles } from "../../../shared/model/model-folder.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import type { RecipeContext, RecipeJob } from "../../../trainer/recipes/recipe.ts";
import { synthesize } from "../../../trainer/recipes/synthesize.ts";
import { ALONE } from "../../support/alone.ts";

/** Tasks in the words that the base was trained on. */
export const SEEDS: readonly (readonly [instruction: string, output: string])[] = [
  ["What is the capital of Germany?", "The capital of Germany is Berlin."],
  ["Put in alphabetical order: fish, lamp, goat", "fish, goat, lamp"],
  ["Who wrote Hamlet?", "Hamlet was written by William Shakespeare."],
  ["Copy: apple duck queen road", "apple duck queen road"],
  ["On which continent is Namibia?", "Namibia is a country in Africa."],
  ["How many words are in this list: cake, cup, pen, van, fish", "5"],
  ["What is the currency of Japan?", "People in Japan pay with the yen."],
  ["Reverse this list: ink, ring, cat", "cat, ring, ink"],
  ["Which symbol stands for barium?", "The symbol of barium is Ba."],
  ["What is 23 + 9?", "32"],
  ["Write a positive review of a hotel.", "This hotel is a real gem. The staff was simply charming."],
  ["Ask me to close the window.", "Could you please close the window?"],
];

export interface Made {
  readonly report: SynthesisReport;
  readonly files: ReadonlyMap<string, string>;
}

export async function makeData(base: ModelFiles, settings: object, seed: number): Promise<Made> {
  const files = new Map<string, string>();
  const lines = SEEDS.map(([instruction, output]) => `${JSON.stringify({ instruction, output })}\n`).join("");
  const bytes = new TextEncoder().encode(lines);
  const job: RecipeJob<SynthesizeSettings> = {
    ...{ run: "effect", type: "synthesize", seed, createdAt: 1_700_000_000, checkpoint: null },
    settings: SynthesizeSettings.parse(settings),
    base: { id: "trimtab-base", digest: "b".repeat(64), files: base },
    training: { name: "seeds.jsonl", bytes, digest: await sha256Hex(bytes) },
    validation: null,
  };
  const context: RecipeContext = {
    executor: createOnnxRuntimeExecutor({ threads: 1 }),
    now: () => 0,
    event: () => undefined,
    openPages: () => {
      throw new Error("pages were opened");
    },
    yieldToEventLoop: async () => undefined,
    afterStep: async () => undefined,
    publishCheckpoint: async () => undefined,
    ...ALONE,
    keepFile: async ({ name, bytes: kept }) => void files.set(name, new TextDecoder().decode(kept)),
  };
  await synthesize(job, context);
  return { report: JSON.parse(files.get("report.json")!) as SynthesisReport, files };
}
