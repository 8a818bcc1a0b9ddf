/** Reads the files of a steering vector's job, reports what was kept of them, and refuses what cannot be used. */
import type { SteeringVectorSettings } from "../../../shared/api/steering-vector.ts";
import { parseConditionPrompts } from "../../../shared/data/dataset-kinds/condition-prompts.ts";
import { parseContrastPairs } from "../../../shared/data/dataset-kinds/contrast-pairs.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { StartingModel } from "../parent.ts";
import type { RecipeContext, RecipeJob } from "../recipe.ts";
import { type EncodedPair, type EncodedPrompts, encodePairs, encodePrompts } from "./contrast-texts.ts";

/** A tuned model with its own weights, a file that the job would not read, and the lack of one that it would, are refused. */
export function requireFiles({ parent, validation, settings }: RecipeJob<SteeringVectorSettings>): void {
  const refuse = (param: string, problem: string) =>
    new TrimtabError("invalid_request", `\`${param}\` ${problem}`, { param });
  if (parent?.kind === "model") {
    throw refuse(
      "model",
      "has its own weights, and a steering vector is a delta of a base. Start from the base, or from a model whose result is a delta.",
    );
  }
  const wanted = settings.condition?.prompts === "validation_file";
  if (wanted && validation === null) {
    throw refuse("validation_file", "is required: the condition's `prompts` are to be read from it.");
  }
  if (wanted || validation === null) return;
  throw refuse(
    "validation_file",
    "is not read by this job, which holds out pairs of its training file. Leave it out, or set the condition's `prompts` to validation_file.",
  );
}

/** The pairs of the training file. Throws `invalid_file`, `invalid_dataset` or `invalid_model` with what to change. */
export async function readPairs(
  job: RecipeJob<SteeringVectorSettings>,
  { tokenizer, config }: Pick<StartingModel, "tokenizer" | "config">,
  { event, yieldToEventLoop }: Pick<RecipeContext, "event" | "yieldToEventLoop">,
): Promise<readonly EncodedPair[]> {
  const { name, bytes } = job.training;
  const { pairs, tooLong } = await encodePairs(parseContrastPairs(bytes, { name }), {
    tokenizer,
    date: new Date(job.createdAt * 1000),
    maxLength: config.maxPositions,
    yieldToEventLoop,
  });
  const limit = `the model's context of ${config.maxPositions} tokens`;
  const dropped = `${tooLong.length} left out because a side is longer than ${limit}`;
  event({
    level: tooLong.length > 0 ? "warn" : "info",
    message: `${name}: ${pairs.length} pairs kept, ${dropped}${tooLong.length > 0 ? `; the first is line ${tooLong[0]}` : ""}`,
    type: "message",
    data: { file: "training_file", kept: pairs.length, dropped: tooLong.length },
  });
  requirePairs(pairs, { dropped: tooLong.length, limit, position: job.settings.position });
  return pairs;
}

/** The condition's own prompts; none if it is fitted on the pairs. */
export async function readPrompts(
  { validation, createdAt }: RecipeJob<SteeringVectorSettings>,
  { tokenizer, config }: Pick<StartingModel, "tokenizer" | "config">,
  { event, yieldToEventLoop }: Pick<RecipeContext, "event" | "yieldToEventLoop">,
): Promise<EncodedPrompts["prompts"]> {
  if (validation === null) return [];
  const { name, bytes } = validation;
  const { prompts, tooLong } = await encodePrompts(parseConditionPrompts(bytes, { name }), {
    tokenizer,
    date: new Date(createdAt * 1000),
    maxLength: config.maxPositions,
    yieldToEventLoop,
  });
  const positive = prompts.filter(({ isPositive }) => isPositive).length;
  const others = prompts.length - positive;
  event({
    level: tooLong.length > 0 ? "warn" : "info",
    message: `${name}: ${positive} prompts to recognise and ${others} others kept, ${tooLong.length} left out because they are longer than the model's context of ${config.maxPositions} tokens`,
    type: "message",
    data: { file: "validation_file", kept: prompts.length, dropped: tooLong.length },
  });
  if (Math.min(positive, others) >= 2) return prompts;
  throw new TrimtabError(
    "invalid_dataset",
    `a condition needs at least 2 prompts to recognise and 2 others, but the file has ${positive} and ${others} to use`,
    { param: "validation_file" },
  );
}

function requirePairs(
  pairs: readonly EncodedPair[],
  { dropped, limit, position }: { readonly dropped: number; readonly limit: string; readonly position: string },
): void {
  const refuse = (problem: string) => new TrimtabError("invalid_dataset", problem, { param: "training_file" });
  if (pairs.length < 2) {
    const why = dropped === 0 ? "" : `; ${dropped} more have a side that is longer than ${limit}`;
    throw refuse(`a steering vector needs at least 2 contrast pairs, but the file has ${pairs.length} to use${why}`);
  }
  if (position !== "completion") return;
  for (const { line, positive, negative } of pairs) {
    for (const [side, { completion }] of Object.entries({ positive, negative })) {
      if (completion !== undefined) continue;
      throw refuse(
        `line ${line}: \`${side}\` does not end with a text or an assistant's turn, which the position \`completion\` reads; add one, or use \`last\` or \`mean\``,
      );
    }
  }
}
