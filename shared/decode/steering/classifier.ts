import type { Scorer, ScorerMode } from "../../delta/scorer.ts";
import { TrimtabError } from "../../errors.ts";
import type { RowState } from "../processor.ts";
import { type AskedAttribute, classifierRequest } from "./classifier-request.ts";
import { type Attribute, guide, Judged } from "./judged-text.ts";
import { type CompanionRow, type PlanContext, steeringPart } from "./part.ts";

/**
 * Guidance by classifiers: score + Σ λᵢ log p(cᵢ | text and token). The text is judged without its prompt.
 *
 * - `token_values`: one row's state gives log p(c | text and v) for every token v.
 * - `class_rows`: GeDi, Krause et al. 2021. A row for each class gives log p(text | c), and Bayes' rule with the scorer's bias and
 *   scale p(c | text and v); then tokens that fit least are ruled out. The authors' code subtracts 10,000 from them, and also
 *   judges the prompt.
 * - `lookahead`: FUDGE, Yang and Klein 2021. Each of the likeliest tokens is decoded and the text with it judged; all other
 *   tokens are ruled out. It comes last; several share the candidates, as many as the one that wants most.
 *
 * A reward model has one class and no probabilities: its value takes the place of log p, as in ARGS, Khanov et al. 2024.
 */
export const classifier = steeringPart<AskedAttribute[], readonly Attribute[]>({
  schema: classifierRequest,
  isNeutral: (asked) => asked.every(isIdle),
  references: (asked) => asked.map(({ id }, i) => ({ at: idAt(i), id, weight: 1, kind: "classifier" })),
  plan(asked, context) {
    const companions = new Map<string, CompanionRow>();
    const settings = asked.flatMap((one, i): Attribute[] => {
      if (isIdle(one)) return [];
      const checked = { asked: one, scorer: context.scorer(idAt(i)), label: labelOf(one, i, context) };
      // Attributes of one classifier share its rows.
      const first = asked.findIndex((other) => other.id === one.id && !isIdle(other));
      const rows = rowsOf(checked.scorer, one.mode, first);
      for (const row of rows) companions.set(row.role, row);
      return [{ ...checked, roles: rows.map(({ role }) => role) }];
    });
    return { settings, companions: [...companions.values()] };
  },
  processor: {
    isNeutral: (attributes) => attributes.length === 0,
    create() {
      const texts = new Map<RowState, Judged[]>();
      const buffers = { logs: new Float64Array(), order: new Uint32Array() };
      return {
        update({ removed }) {
          for (const row of removed) texts.delete(row);
        },
        fork(from, to) {
          const judged = texts.get(from);
          if (judged === undefined) texts.delete(to);
          else
            texts.set(
              to,
              judged.map((one) => one.fork()),
            );
        },
        apply(rows) {
          for (const row of rows) {
            const judged = texts.get(row.row) ?? row.settings.map((one) => new Judged(one));
            texts.set(row.row, judged);
            if (buffers.logs.length !== row.scores.length) {
              buffers.logs = new Float64Array(row.scores.length);
              buffers.order = new Uint32Array(row.scores.length);
            }
            guide(row, judged, buffers);
          }
        },
      };
    },
  },
});

const isIdle = ({ strength, target }: AskedAttribute) => strength === 0 && target === undefined;
const idAt = (i: number) => `classifier[${i}].id`;

/** Throws `invalid_request` for a class, a mode or a target that the scorer does not have. */
function labelOf({ label, mode, target }: AskedAttribute, i: number, context: PlanContext): number {
  const { labels, temperatures } = context.scorer(idAt(i)).about;
  const refuse = (field: string, message: string) =>
    new TrimtabError("invalid_request", message, { param: `classifier[${i}].${field}` });
  const at = labels.indexOf(label);
  if (at === -1) {
    throw refuse(
      "label",
      `The classifier has no class ${JSON.stringify(label)}; it has ${labels.map((l) => JSON.stringify(l)).join(", ")}.`,
    );
  }
  const judgesNothing = mode === "class_rows" && labels.length === 1;
  if (temperatures[mode] === undefined || judgesNothing) {
    const offered = Object.keys(temperatures).join(", ");
    throw refuse(
      "mode",
      `The classifier was not trained for the mode ${mode}: use one of ${offered}, or train it for this one.`,
    );
  }
  if (labels.length === 1 && target !== undefined) {
    throw refuse("target", "A reward model gives no probabilities: remove `target`, and set `strength`.");
  }
  return at;
}

/** What puts nothing before a text judges prompts and texts as one. */
function rowsOf({ about }: Scorer, mode: ScorerMode, first: number): CompanionRow[] {
  const model = { at: idAt(first) };
  if (mode === "class_rows") {
    return about.class_rows!.control.map((ids, c) => ({
      role: `classifier[${first}].${c}`,
      model,
      prompt: { kind: "tokens", ids: [...about.lead, ...ids] },
    }));
  }
  const prompt = about.lead.length === 0 ? ({ kind: "own" } as const) : ({ kind: "tokens", ids: about.lead } as const);
  return [{ role: `classifier[${first}]`, model, prompt, final: true }];
}
