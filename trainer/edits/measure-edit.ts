import type { EditReport } from "../../shared/edits/report.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { EditedSubject, EditedValues } from "./edited-subject.ts";
import type { FactEncoder } from "./encode-facts.ts";
import { fluency } from "./fluency.ts";
import { startOfText } from "./prefixes.ts";

/** Subjects of which greedy texts are written, tokens of one, and tokens of base texts that are read. */
const FLUENT_SUBJECTS = 20;
const FLUENT_TOKENS = 60;
const LOSS_TOKENS = 6_000;

export interface MeasureOptions {
  readonly subject: EditedSubject;
  readonly edited: EditedValues;
  readonly encoder: FactEncoder;
  readonly tokenizer: Tokenizer;
  readonly isEnd: (token: number) => boolean;
}

/** Entropies of greedy texts about subjects, which no end cuts short, on the unedited model and the edited one. */
export async function measureFluency(
  subjects: readonly string[],
  { subject, edited, encoder }: MeasureOptions,
): Promise<EditReport["fluency"]> {
  const prompts = [...new Set(subjects)].slice(0, FLUENT_SUBJECTS).map((one) => encoder.prompt(one));
  if (prompts.length === 0) return null;
  const write = async (values: EditedValues) =>
    fluency(await subject.continue(values, prompts, { maxTokens: FLUENT_TOKENS, isEnd: () => false }));
  return { before: await write(subject.unedited), after: await write(edited) };
}

/** Mean loss on texts, as ids, on the unedited model and the edited one; null without texts. */
export async function measureBaseLoss(
  texts: readonly Int32Array[],
  { subject, edited }: Pick<MeasureOptions, "subject" | "edited">,
): Promise<EditReport["base_loss"]> {
  let left = LOSS_TOKENS;
  const read = texts.filter(({ length }) => {
    if (left <= 0 || length < 2) return false;
    left -= length;
    return true;
  });
  if (read.length === 0) return null;
  const examples = read.map((ids) => ({ ids, labels: ids }));
  const lossOf = async (values: EditedValues) => {
    const scores = await subject.score(values, examples);
    const tokens = scores.reduce((sum, one) => sum + one.tokens, 0);
    return { loss: -scores.reduce((sum, one) => sum + one.logProbability, 0) / tokens, tokens };
  };
  const before = await lossOf(subject.unedited);
  const after = await lossOf(edited);
  return { before: before.loss, after: after.loss, change: after.loss / before.loss - 1, tokens: before.tokens };
}

/** Texts as ids behind what begins a text, cut to the model's context. */
export function lossTexts(texts: readonly string[], tokenizer: Tokenizer, maxLength: number): Int32Array[] {
  const start = startOfText(tokenizer);
  return texts.map((text) => Int32Array.from([...start, ...tokenizer.encode(text)]).subarray(0, maxLength));
}
