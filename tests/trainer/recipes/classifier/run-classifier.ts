import { type ClassifierSettings, Method, type MethodOf } from "../../../../shared/api/methods.ts";
import { sha256Hex } from "../../../../shared/formats/digest.ts";
import { classifier } from "../../../../trainer/recipes/classifier.ts";
import type { Metrics, Progress, RecipeJob, RecipeOutcome } from "../../../../trainer/recipes/recipe.ts";
import { quietContext, tinyJobOf } from "../objectives/run-objective.ts";

/** The settings of a job that names few of them. */
export function classifierSettings(given: object = {}): ClassifierSettings {
  return (Method.parse({ type: "classifier", classifier: given }) as MethodOf<"classifier">).classifier;
}

const WORDS = {
  warm: ["sun", "fire", "summer", "oven"],
  cold: ["ice", "snow", "winter", "frost"],
};
const FILLER = ["the", "a", "was", "very", "and"];

/** Short texts whose class shows in half of their words. */
export function tinyTexts(count: number, from = 0): { text: string; label: string }[] {
  return Array.from({ length: count }, (_, i) => {
    const label = (i + from) % 2 === 0 ? "warm" : "cold";
    const word = (at: number) =>
      (i + at) % 3 === 0 ? FILLER[(i + from + at) % FILLER.length] : WORDS[label][(i * 7 + at + from) % 4];
    return { text: Array.from({ length: 3 + ((i + from) % 4) }, (_, at) => word(at)).join(" "), label };
  });
}

export const jsonl = (lines: readonly object[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join("");

export interface ClassifierRun {
  readonly settings?: object;
  readonly training?: string;
  readonly validation?: string;
  readonly seed?: number;
  readonly checkpoint?: Uint8Array;
  readonly job?: Partial<RecipeJob<ClassifierSettings>>;
  readonly afterStep?: (progress: Progress) => void;
}

export interface ClassifierRecord {
  readonly outcome: RecipeOutcome;
  readonly events: readonly { readonly level: string; readonly message: string }[];
  readonly steps: readonly Readonly<Record<string, number>>[];
  readonly published: readonly Metrics[];
  readonly digests: Readonly<Record<string, string>>;
}

/** A job of the tiny model. */
export async function runClassifier(options: ClassifierRun = {}): Promise<ClassifierRecord> {
  const { training = jsonl(tinyTexts(40)), validation, seed, checkpoint } = options;
  const settings = classifierSettings({
    ...options.settings,
    hyperparameters: { max_steps: 6, batch_size: 8, learning_rate: 0.01, ...hyperparametersOf(options.settings) },
  });
  const job = await tinyJobOf({
    ...{ settings, training },
    ...(validation === undefined ? {} : { validation }),
    ...(seed === undefined ? {} : { seed }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
  });
  const events: { level: string; message: string }[] = [];
  const steps: Record<string, number>[] = [];
  const published: Metrics[] = [];
  const outcome = await classifier(
    { ...job, type: "classifier", ...options.job },
    quietContext({
      event: ({ type, level, message, data }) => {
        if (type === "metrics") steps.push(data as Record<string, number>);
        else events.push({ level, message });
      },
      afterStep: async (progress) => options.afterStep?.(progress),
      publishCheckpoint: async (_step, _folder, metrics) => void published.push(metrics),
    }),
  );
  const digests = [...outcome.folder.files].map(async ([name, bytes]) => [name, await sha256Hex(bytes)] as const);
  return { outcome, events, steps, published, digests: Object.fromEntries(await Promise.all(digests)) };
}

const hyperparametersOf = (settings: object | undefined): object =>
  (settings as { hyperparameters?: object } | undefined)?.hyperparameters ?? {};
