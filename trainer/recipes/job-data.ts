import type { TrainerEvent } from "../../shared/api/trainer.ts";
import { decodedMask, markedText } from "../../shared/data/decoded-mask.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import { type TokenizedUnits, tokenizeUnits, type UnitLine } from "../data/examples.ts";
import type { Unit } from "../data/units.ts";
import type { Dataset, RecipeContext } from "./recipe.ts";

export interface ReadOptions {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  /** Tokens; longer examples are cut. */
  readonly maxLength: number;
  /** When the job was created, which chat templates write as today's date. */
  readonly date: Date;
  /** The job's field that names the file, such as `training_file`, or `training_file[1]` of a list. */
  readonly param: string;
  /** The lines are prompts that the run answers; see `TokenizeOptions.prompts`. */
  readonly prompts: boolean;
}

/**
 * The longest text of a run: `max_length`, or the model's context less the method's own positions. Throws
 * `invalid_request`, with `param` as the field, when the job asks for more than the model can see.
 */
export function longestSequence(
  { maxPositions }: ModelConfig,
  maxLength: number | undefined,
  { methodPositions, param }: { readonly methodPositions: number; readonly param: string },
): number {
  const room = maxPositions - methodPositions;
  if (maxLength === undefined || maxLength <= room) return maxLength ?? room;
  const taken = methodPositions === 0 ? "" : `, of which the method takes ${methodPositions}`;
  throw new TrimtabError(
    "invalid_request",
    `\`max_length\` is ${maxLength}, but the model's context has ${maxPositions} tokens${taken}: ask for at most ${room}.`,
    { param },
  );
}

/**
 * Encodes a dataset, given its lines, and reports how many of its units were kept, cut and left out. Throws `invalid_file`,
 * `invalid_dataset` or `invalid_model` with what to change.
 */
export async function readUnits(
  { name, lines }: Pick<Dataset, "name"> & { readonly lines: Iterable<UnitLine> },
  options: ReadOptions,
  { event, yieldToEventLoop }: Pick<RecipeContext, "event" | "yieldToEventLoop">,
): Promise<TokenizedUnits> {
  const { config, tokenizer, maxLength, date, param, prompts } = options;
  const read = await tokenizeUnits(lines, { tokenizer, maxLength, date, param, prompts, yieldToEventLoop }).catch(
    (error) => {
      // Errors of single lines do not know which of the job's files they are in.
      if (!(error instanceof TrimtabError) || error.param !== undefined) throw error;
      throw new TrimtabError(error.code, error.message, { param, data: error.data, cause: error });
    },
  );
  const isForeign = (id: number) => id >= config.vocabSize;
  for (const { examples } of read.units) {
    const foreign = examples.find(({ ids }) => ids.some(isForeign))?.ids.find(isForeign);
    if (foreign === undefined) continue;
    throw new TrimtabError(
      "invalid_model",
      `the tokenizer gives the id ${foreign}, but the model's vocab_size is ${config.vocabSize}: they belong to different models`,
    );
  }
  const { trainedTokens, ...others } = read.counts;
  const notes = [...(read.splitNote === undefined ? [] : [read.splitNote]), ...read.notes];
  const { kept, truncated, dropped, tokens } = others;
  const counts = `${kept} kept (${truncated} of them truncated to ${maxLength} tokens), ${dropped} dropped`;
  const trained = prompts ? `${tokens} tokens of prompts` : `${trainedTokens} of ${tokens} tokens are trained on`;
  event({
    level: truncated + dropped + read.notes.length > 0 ? "warn" : "info",
    message: [`${name}: ${counts}; ${trained}`, ...notes].join("\n").slice(0, LIMITS.eventMessage),
    type: "message",
    // The field has the name that readers of the event expect.
    data: { file: param, ...others, trainableTokens: trainedTokens },
  });
  return read;
}

/** Shows the trained part of a unit as the model sees it, which makes a wrong template or mask easy to spot. */
export function maskEvent(name: string, unit: Unit, tokenizer: Tokenizer): Omit<TrainerEvent, "seq"> {
  const example = unit.examples[0]!;
  const shown = `${name}: the first example, with the trained text between ⟦ and ⟧\n`;
  const message = shown + markedText(decodedMask(example, tokenizer), LIMITS.eventMessage - shown.length);
  return { level: "info", type: "message", message, data: { tokens: example.ids.length } };
}
