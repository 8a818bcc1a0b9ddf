import { logSumExp } from "../../shared/decode/logits.ts";
import { type Reward, requireRewardModel, rewardOf } from "../../shared/delta/reward.ts";
import type { Scorer } from "../../shared/delta/scorer.ts";
import { requireWholeTexts, wholeTextScores } from "../../shared/delta/whole-text.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { encodeFinished } from "./finished-text.ts";
import type { JudgedText, JudgeEvent, JudgeRequest } from "./judge-protocol.ts";
import { encodePrompts } from "./prompt.ts";
import { type ReadRow, readRows } from "./read-rows.ts";
import { acquireRowModels, type RowModel } from "./row-models.ts";
import type { ServedModel } from "./served-model.ts";

export interface JudgeContext {
  /** Takes every event; must not throw. */
  readonly emit: (event: JudgeEvent) => void;
  /** Called once rows are about to be read, with a function that ends it. */
  readonly onStart: (cancel: () => void) => void;
  /** The tenant's id for the delta with that digest. */
  readonly deltaId: (digest: string) => string;
  readonly yieldToEventLoop: () => Promise<void>;
}

/** What reads the texts. */
interface Judges {
  readonly likelihood?: RowModel;
  readonly scorer?: { readonly scorer: Scorer; readonly model: RowModel };
  readonly rewards: readonly { readonly scorer: Scorer; readonly model: RowModel }[];
}

interface Reading {
  readonly index: number;
  readonly prompt: readonly number[];
  readonly text: readonly number[];
  /** Where the prompt is a whole finished text: the completion by itself, and the field that errors name. */
  readonly finished?: { readonly alone: readonly number[]; readonly param: string };
}

/**
 * Judges finished texts, from `start` to `end`. Texts are read in chunks as prompts are, in the one batch. A scorer reads what it
 * has learnt to judge: its lead and the text, or where it has no lead the prompt and the text.
 *
 * @throws TrimtabError invalid_request for a scorer that cannot judge whole texts, and token ids that the model does not have;
 *   context_length_exceeded for a text that does not fit; non_finite; and as `encodePrompts`, `acquireRowModels` and `readRows` do
 */
export async function judge(model: ServedModel, request: JudgeRequest, context: JudgeContext): Promise<void> {
  const { tenant, likelihood, scorer, rewards = [] } = request;
  const readings = await readingsOf(model, request, context.yieldToEventLoop);
  const models = await acquireRowModels(model, {
    tenant,
    models: {
      ...(likelihood === undefined ? {} : { likelihood }),
      ...(scorer === undefined ? {} : { scorer: scorer.model }),
      ...Object.fromEntries(rewards.map((one, k) => [rewardModel(k), one.model])),
    },
    further: [],
    deltaId: context.deltaId,
  });
  try {
    const judges: Judges = {
      ...(likelihood === undefined ? {} : { likelihood: models.get("likelihood") }),
      ...(scorer === undefined
        ? {}
        : { scorer: { scorer: requireScorer(models.scorer("scorer"), scorer.param), model: models.get("scorer") } }),
      rewards: rewards.map((one, k) => ({
        scorer: requireRewardModel(models.scorer(rewardModel(k)), one),
        model: models.get(rewardModel(k)),
      })),
    };
    const rows = readings.flatMap((reading) => rowsOf(model, reading, { judges, emit: context.emit }));
    const labels = judges.scorer?.scorer.about.labels ?? null;
    context.emit({ type: "start", labels, hasChat: model.tokenizer.chatTemplate !== undefined });
    await readRows(rows, { loop: model.loop, tenant, onStart: context.onStart });
    context.emit({ type: "end" });
  } finally {
    models.release();
  }
}

const rewardModel = (k: number) => `reward ${k}`;

async function readingsOf(
  model: ServedModel,
  { prompts, finished = [] }: JudgeRequest,
  yieldToEventLoop: () => Promise<void>,
): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (const { prompt, texts } of prompts) {
    const [ids] = await encodePrompts(model, prompt, yieldToEventLoop);
    await yieldToEventLoop();
    for (const text of texts) readings.push({ index: readings.length, prompt: ids!, text });
  }
  for (const text of finished) {
    await yieldToEventLoop();
    const { whole, alone } = encodeFinished(model, text);
    readings.push({ index: readings.length, prompt: whole, text: [], finished: { alone, param: text.param } });
  }
  const unknown = readings.flatMap(({ text }) => text.find((token) => token >= model.config.vocabSize) ?? [])[0];
  if (unknown === undefined) return readings;
  const message = `the token ${unknown} of a text is outside the vocabulary of ${model.config.vocabSize}`;
  throw new TrimtabError("invalid_request", message);
}

function requireScorer(scorer: Scorer | undefined, param: string): Scorer {
  if (scorer === undefined) {
    const message = `\`${param}\` is no classifier: the model it names has no scoring head. Train one with a job of type classifier.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  requireWholeTexts(scorer, param);
  return scorer;
}

/** The rows that read one text. The last to be done emits what all of them found. */
function rowsOf(
  model: Pick<ServedModel, "capacity">,
  { index, prompt, text, finished }: Reading,
  { judges, emit }: { readonly judges: Judges; readonly emit: JudgeContext["emit"] },
): ReadRow[] {
  const found: { -readonly [Name in keyof JudgedText]: JudgedText[Name] } = {
    ...{ logprobs: null, scores: null, rewards: null },
  };
  let positions = 0;
  let left = 0;
  const row = (
    read: RowModel,
    ids: readonly number[],
    rest: Pick<ReadRow, "final"> & Partial<ReadRow["row"]>,
  ): ReadRow => {
    const { weights, deltas, stateKey } = read;
    const { final, ...more } = rest;
    const length = deltas.prefixTokens + deltas.virtualTokens + ids.length;
    if (length > model.capacity) throw tooLong(length, model.capacity, finished?.param);
    positions += length;
    left++;
    const done = () => {
      left--;
      const rewarded = (found.rewards ?? []).flatMap(({ reward, calibrated }) => [reward, calibrated]);
      const numbers = [...(found.logprobs ?? []), ...(found.scores ?? []), ...rewarded];
      if (!numbers.every(Number.isFinite)) {
        throw new TrimtabError("non_finite", "a text cannot be judged: what the model gives for it is not finite");
      }
      if (left === 0) emit({ type: "judged", index, positions, ...found });
    };
    return {
      row: { prompt: ids, weights, deltas, stateKey, ...more },
      done,
      ...(final === undefined ? {} : { final }),
    };
  };
  const rows: ReadRow[] = [];
  if (judges.likelihood !== undefined) {
    const logprobs: number[] = [];
    found.logprobs = logprobs;
    const from = prompt.length - 1;
    const read = (at: number, logits: Float32Array) => {
      logprobs[at - from] = logits[text[at - from]!]! - logSumExp(logits);
    };
    // Nothing is read of an empty text, but whoever asked hears of it.
    const scoring = text.length === 0 ? {} : { scoring: { from, read } };
    rows.push(row(judges.likelihood, [...prompt, ...text.slice(0, -1)], scoring));
  }
  if (judges.scorer !== undefined) {
    const { scorer, model: reader } = judges.scorer;
    const { lead } = scorer.about;
    const final = (state: Float32Array) => {
      found.scores = [...wholeTextScores(scorer, state)];
    };
    rows.push(row(reader, [...(lead.length === 0 ? prompt : lead), ...text], { final, takes: { final: true } }));
  }
  if (judges.rewards.length > 0) {
    const rewards: Reward[] = [];
    found.rewards = rewards;
    for (const [k, { scorer, model: reader }] of judges.rewards.entries()) {
      const { lead, ends } = scorer.about;
      const final = (state: Float32Array) => {
        rewards[k] = rewardOf(scorer, state);
      };
      const alone = finished?.alone ?? text;
      const whole = finished === undefined || ends ? [...prompt, ...text] : prompt.slice(0, -1);
      const ids = lead.length === 0 ? whole : [...lead, ...alone];
      rows.push(row(reader, ids, { final, takes: { final: true } }));
    }
  }
  return rows;
}

function tooLong(positions: number, capacity: number, param?: string): TrimtabError {
  const what = param === undefined ? "a text" : `\`${param}\``;
  return new TrimtabError(
    "context_length_exceeded",
    `${what} cannot be judged: with what comes before it, it takes ${positions} positions, and the model's context is ${capacity}; make it shorter`,
    param === undefined ? {} : { param },
  );
}
