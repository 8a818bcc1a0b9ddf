import { z } from "zod";
import type { Grade, GradeContext } from "./kind.ts";
import { instructions } from "./kinds/instructions.ts";
import { labelModel } from "./kinds/label-model.ts";
import { python } from "./kinds/python.ts";
import { scoreModel } from "./kinds/score-model.ts";
import { stringCheck } from "./kinds/string-check.ts";
import { textSimilarity } from "./kinds/text-similarity.ts";

/** The kinds of graders that stand alone, and that a `multi` combines. */
export const PART_KINDS = [stringCheck, textSimilarity, scoreModel, labelModel, instructions, python] as const;

export const PartGrader = z.discriminatedUnion("type", [
  stringCheck.schema,
  textSimilarity.schema,
  scoreModel.schema,
  labelModel.schema,
  instructions.schema,
  python.schema,
]);
export type PartGrader = z.output<typeof PartGrader>;

/** A kind whose graders are known to be of it: what its type says cannot be told for a list of kinds. */
export interface AnyKind<G> {
  check(grader: G, at: string): void;
  models(grader: G, at: string): readonly { readonly model: string; readonly param: string }[];
  grade(grader: G, context: GradeContext): Promise<Grade> | Grade;
}

export function partKind({ type }: PartGrader): AnyKind<PartGrader> {
  return PART_KINDS.find((kind) => kind.type === type) as unknown as AnyKind<PartGrader>;
}
