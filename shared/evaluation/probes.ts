/**
 * `evaluation.json`, an optional file of a base model's folder: what its reports ask it, beside what they can ask any model. Limits
 * keep a report short; a file of every field at its limit is measured by a sample.
 */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { wordIssue } from "../issue-words.ts";
import { InstructionPrompt } from "./instructions/registry.ts";

export const PROBES_FILE = "evaluation.json";
/** Bytes of the file. */
export const PROBES_BYTES = 1 << 20;

const Text = z.string().min(1).max(4_000);

/** A text to continue, or what the user says in a chat of one turn. */
const ProbePrompt = z.union([z.strictObject({ text: Text }), z.strictObject({ user: Text, system: Text.optional() })]);
export type ProbePrompt = z.output<typeof ProbePrompt>;

const Weights = z.record(z.string().max(100), z.number()).refine((weights) => Object.keys(weights).length <= 20_000, {
  message: "must not have more than 20,000 words",
});

/** A property of texts with two ends, such as rude and polite. */
const Style = z.strictObject({
  name: z.string().min(1).max(40),
  /** What the share counts, such as `polite`. */
  high: z.string().min(1).max(40),
  low: z.string().min(1).max(40),
  classifier: z.strictObject({ bias: z.number(), weights: Weights }),
  /** Texts and chats whose continuations are judged. */
  prompts: z.array(ProbePrompt).max(500),
});
export type Style = z.output<typeof Style>;

export const EvaluationProbes = z.strictObject({
  format: z.literal("trimtab.evaluation/1"),
  /** Right where the continuation begins with the answer. One whose subject, or else prompt, was trained on with its answer is not asked. */
  facts: z
    .array(z.strictObject({ prompt: Text, answer: Text, subject: Text.optional() }))
    .max(2_000)
    .default([]),
  /** Right where the reply is the answer alone, as a text or as JSON. */
  tasks: z
    .array(
      z.strictObject({
        task: z.string().min(1).max(40),
        user: Text,
        answer: Text,
        match: z.enum(["text", "json"]).default("text"),
      }),
    )
    .max(2_000)
    .default([]),
  /** In place of the built-in ones; absent: those. */
  instructions: z.array(InstructionPrompt).max(500).optional(),
  /** Of the kind that the base was trained on, and not trained on. */
  texts: z.array(Text).max(500).default([]),
  styles: z.array(Style).max(4).default([]),
});
export type EvaluationProbes = z.output<typeof EvaluationProbes>;

/** What a base without the file is asked. */
export const NO_PROBES: EvaluationProbes = EvaluationProbes.parse({ format: "trimtab.evaluation/1" });

/** Reads the file. Throws `invalid_model` with the field and what to change; the caller says which file it is. */
export function parseProbes(bytes: Uint8Array): EvaluationProbes {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch (cause) {
    throw new TrimtabError("invalid_model", "is not JSON in UTF-8", { cause });
  }
  const parsed = EvaluationProbes.safeParse(value);
  if (parsed.success) return parsed.data;
  const { field, problem } = wordIssue(parsed.error, value);
  throw new TrimtabError("invalid_model", `\`${field}\` ${problem}`, { data: { field } });
}
