/** How classifiers judge one text, and what that does to its next token. Legend: K classes, V vocabulary. */
import type { Scorer, ScorerMode } from "../../delta/scorer.ts";
import { calibrated, classLogits, logSoftmax, tokenLogProbabilities, tokenValues } from "../../delta/scorer-values.ts";
import { likeliest } from "../logits.ts";
import type { ProcessedRow } from "../processor.ts";
import { AdaptiveStrength } from "./adaptive-strength.ts";
import { ClassRows, cutByClass, cutImplausible } from "./class-rows.ts";
import { type AskedAttribute, UNIT } from "./classifier-request.ts";

export interface Attribute {
  readonly asked: AskedAttribute;
  readonly scorer: Scorer;
  /** Index of its class. */
  readonly label: number;
  /** Of the row that judges the text, or for `class_rows` of each class's row. */
  readonly roles: readonly string[];
}

/** One attribute of one text. */
export class Judged {
  readonly attribute: Attribute;
  readonly classRows: ClassRows | undefined;
  readonly #strength: AdaptiveStrength;
  /** Tokens of the text that λ has followed. */
  #followed: number;

  constructor(attribute: Attribute, from?: Judged) {
    const { strength, target, mode } = attribute.asked;
    this.attribute = attribute;
    const rows = mode === "class_rows" ? new ClassRows(attribute.scorer) : undefined;
    this.classRows = from?.classRows?.fork() ?? rows;
    this.#strength =
      from === undefined ? new AdaptiveStrength({ strength, target, unit: UNIT[mode] }) : from.#strength.fork();
    this.#followed = from === undefined ? 0 : from.#followed;
  }

  /** The same text so far, which goes on by itself. */
  fork(): Judged {
    return new Judged(this.attribute, this);
  }

  get strength(): number {
    return this.#strength.value;
  }

  /** Reads this step's rows. Gives log p(c | text so far) where it is asked for or needed; a reward's value for its only class. */
  read({ row: { generated }, logits, final, note }: ProcessedRow<unknown>): number | undefined {
    const { asked, scorer, label, roles } = this.attribute;
    this.classRows?.take(generated, (c) => logits(roles[c]!));
    if (asked.target === undefined && note === undefined) return undefined;
    const log = this.classRows?.logProbability(label) ?? judge(scorer, final(roles[0]!), asked.mode)[label]!;
    if (generated.length > this.#followed) this.#strength.follow(log);
    this.#followed = generated.length;
    return log;
  }
}

/** [K]: log p(c | text), or a reward's value. */
function judge(scorer: Scorer, final: Float32Array, mode: ScorerMode): Float64Array {
  const logits = calibrated(scorer, classLogits(scorer, final), mode);
  return logits.length === 1 ? logits : logSoftmax(logits);
}

export interface Buffers {
  /** [V] */
  readonly logs: Float64Array;
  readonly order: Uint32Array;
}

/** Changes the scores of one row, as its attributes ask in turn. */
export function guide(row: ProcessedRow<readonly Attribute[]>, judged: readonly Judged[], buffers: Buffers): void {
  const { scores, final, note } = row;
  const notes = judged.map((one) => {
    const log = one.read(row);
    const { id, label } = one.attribute.asked;
    const isReward = one.attribute.scorer.about.labels.length === 1;
    return {
      id,
      label,
      strength: one.strength,
      [isReward ? "value" : "probability"]: isReward ? log : Math.exp(log ?? 0),
    };
  });
  note?.({ classifier: notes });
  const active = judged.filter(({ strength }) => strength !== 0);
  for (const { attribute, strength, classRows } of active) {
    const { asked, scorer, label, roles } = attribute;
    if (asked.mode === "class_rows") {
      if (strength > 0) cutImplausible(scores, asked.relative_top);
      classRows!.tokenLogProbabilities(label, buffers.logs);
      add(scores, buffers.logs, strength);
      const { filter, keep_above: keepAbove } = asked;
      if (strength > 0) cutByClass(scores, buffers.logs, { filter, keepAbove, order: buffers.order });
    } else if (asked.mode === "token_values") {
      add(scores, valuesOf(scorer, final(roles[0]!), label), strength);
    }
  }
  lookAhead(row, active);
}

/** score += λ · log; what is ruled out stays out. */
function add(scores: Float64Array, logs: Float64Array, strength: number): void {
  for (let token = 0; token < scores.length; token++) scores[token]! += strength * logs[token]!;
}

/** [V] */
function valuesOf(scorer: Scorer, final: Float32Array, label: number): Float64Array {
  if (scorer.about.labels.length > 1) return tokenLogProbabilities(scorer, final, label);
  return calibrated(scorer, tokenValues(scorer, final), "token_values");
}

function lookAhead({ scores, probe }: ProcessedRow<unknown>, judged: readonly Judged[]): void {
  let count = 0;
  for (const { attribute } of judged)
    if (attribute.asked.mode === "lookahead") count = Math.max(count, attribute.asked.top_k);
  if (count === 0) return;
  const candidates = likeliest(scores, count).filter((token) => scores[token] !== Number.NEGATIVE_INFINITY);
  const kept = candidates.map((token) => scores[token]!);
  scores.fill(Number.NEGATIVE_INFINITY);
  for (const [i, token] of candidates.entries()) scores[token] = kept[i]!;
  // A classifier's attributes share its row, and so the work of trying the candidates.
  for (const role of new Set(judged.filter(isLookahead).map(({ attribute }) => attribute.roles[0]!))) {
    const ofRole = judged.filter((one) => isLookahead(one) && one.attribute.roles[0] === role);
    probe(role, candidates, ({ token, final }) => {
      const logs = judge(ofRole[0]!.attribute.scorer, final, "lookahead");
      for (const { attribute, strength } of ofRole) scores[token]! += strength * logs[attribute.label]!;
    });
  }
}

const isLookahead = ({ attribute }: Judged) => attribute.asked.mode === "lookahead";
