import { z } from "zod";
import { strip } from "../text/python-text.ts";
import * as letterCase from "./case.ts";
import * as format from "./format.ts";
import { IFBENCH_KINDS } from "./ifbench/kinds.ts";
import { IFEVAL_KINDS } from "./ifeval/kinds.ts";
import * as keywords from "./keywords.ts";
import * as length from "./length.ts";
import * as punctuation from "./punctuation.ts";
import { refusal } from "./refusal.ts";
import * as startEnd from "./start-end.ts";

/**
 * Every kind of instruction whose following can be verified: Trimtab's own, and the published ones by their ids. A new one is an
 * export of a family's file, and a row here or in the list of its collection.
 */
export const INSTRUCTION_KINDS = [
  length.words,
  length.sentences,
  length.paragraphs,
  keywords.keywords,
  keywords.forbiddenWords,
  keywords.keywordFrequency,
  keywords.letterFrequency,
  punctuation.noCommas,
  punctuation.question,
  letterCase.lowerCase,
  letterCase.upperCase,
  letterCase.capitalWords,
  format.bulletList,
  format.json,
  format.title,
  format.placeholders,
  format.highlights,
  startEnd.startsWith,
  startEnd.endsWith,
  startEnd.quoted,
  startEnd.postscript,
  refusal,
  ...IFEVAL_KINDS,
  ...IFBENCH_KINDS,
] as const;

type SchemaOf<Kind> = Kind extends { readonly schema: infer S extends z.core.$ZodTypeDiscriminable } ? S : never;
type Schema = SchemaOf<(typeof INSTRUCTION_KINDS)[number]>;

/** One instruction: `{"kind": "no_commas"}`, `{"kind": "words", "at_most": 20}`. */
export const Instruction = z.discriminatedUnion(
  "kind",
  INSTRUCTION_KINDS.map(({ schema }) => schema) as unknown as [Schema, ...Schema[]],
);
export type Instruction = z.output<typeof Instruction>;

/** A prompt that gives one or more instructions, which its text asks for in words. */
export const InstructionPrompt = z.strictObject({
  prompt: z.string().min(1).max(4_000),
  instructions: z.array(Instruction).min(1).max(8),
});
export type InstructionPrompt = z.output<typeof InstructionPrompt>;

type AnyKind = { readonly follows: (text: string, settings: Instruction) => boolean };
// What each kind takes cannot be told for a list of kinds.
const BY_NAME = new Map(INSTRUCTION_KINDS.map((kind) => [kind.kind as string, kind as unknown as AnyKind]));

/** Whether a text follows an instruction to the letter. An empty text follows none. */
export function followsStrictly(text: string, instruction: Instruction): boolean {
  return strip(text) !== "" && BY_NAME.get(instruction.kind)!.follows(text, instruction);
}

/** How many texts `followsLoosely` looks at. */
export const VARIANTS = 8;

/**
 * Whether the text, or one of its variants, follows an instruction: without its first line, its last line or both, which often are
 * phrases around the answer, each also without asterisks. IFEval's eight variants.
 */
export function followsLoosely(text: string, instruction: Instruction): boolean {
  return [...new Set(variantsOf(text))].some((variant) => followsStrictly(variant, instruction));
}

export function variantsOf(text: string): string[] {
  const lines = text.split("\n");
  const parts = [lines.slice(1), lines.slice(0, -1), lines.slice(1, -1)].map((part) => strip(part.join("\n")));
  return [text, ...parts].flatMap((part) => [part, part.replaceAll("*", "")]);
}
