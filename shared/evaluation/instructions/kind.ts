/** What a kind of verifiable instruction is (Zhou et al., "Instruction-Following Evaluation for Large Language Models", 2023). */
import { z } from "zod";

/** A kind is a name, the settings of one instruction, and whether a text follows it. */
export interface InstructionKind<T extends string, S extends z.core.$ZodTypeDiscriminable> {
  readonly kind: T;
  readonly schema: S;
  /** Pure. The text is not empty. */
  follows(text: string, settings: z.output<S>): boolean;
}

/** Gives a kind its types; `settings` are its fields besides `kind`. */
export function instructionKind<const T extends string, const Fields extends z.core.$ZodLooseShape>(
  kind: T,
  fields: Fields,
  follows: (text: string, settings: z.output<z.ZodObject<Fields, z.core.$strict>>) => boolean,
) {
  const schema = z.strictObject({ kind: z.literal(kind), ...fields });
  return { kind, schema, follows: follows as (text: string, settings: z.output<typeof schema>) => boolean };
}

/** Bounds of a count; one of them at least. */
export const BOUNDS = {
  at_least: z.int().min(0).max(10_000).optional(),
  at_most: z.int().min(0).max(10_000).optional(),
};

export interface Bounds {
  readonly at_least?: number | undefined;
  readonly at_most?: number | undefined;
}

export function isWithin(count: number, { at_least = 0, at_most = Number.POSITIVE_INFINITY }: Bounds): boolean {
  return count >= at_least && count <= at_most;
}

/** A phrase or word of an instruction. */
export const Phrase = z.string().trim().min(1).max(200);

/** A number of things, as the published kinds take it: some files write 3.0. */
export const Count = z.int().min(0).max(100_000);
/** Of a sentence, paragraph or word, from 1. */
export const Place = z.int().min(1).max(100_000);
/** A text that a reply is compared with. */
export const LongText = z.string().min(1).max(20_000);

/** How IFEval compares counts. */
export const Relation = z.enum(["less than", "at least"]);

export function isRelated(count: number, relation: z.output<typeof Relation>, to: number): boolean {
  return relation === "less than" ? count < to : count >= to;
}
