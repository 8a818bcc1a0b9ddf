import { z } from "zod";
import type { Grade, GradeContext } from "./kind.ts";
import { multi } from "./kinds/multi.ts";
import { type AnyKind, PART_KINDS, PartGrader } from "./parts.ts";

/** Every kind of grader. */
export const GRADER_KINDS = [...PART_KINDS, multi] as const;

export const Grader = z.discriminatedUnion("type", [PartGrader, multi.schema]).meta({ id: "Grader" });
export type Grader = z.output<typeof Grader>;

function kindOf({ type }: Grader): AnyKind<Grader> {
  return GRADER_KINDS.find((kind) => kind.type === type) as unknown as AnyKind<Grader>;
}

/** Throws TrimtabError for a grader that its schema allows and that can grade nothing. `at` is its path in the request. */
export function checkGrader(grader: Grader, at: string): void {
  kindOf(grader).check(grader, at);
}

/** The models that it asks, each with its field. */
export function modelsOf(grader: Grader, at: string) {
  return kindOf(grader).models(grader, at);
}

/**
 * Grades one sample. What the sample lacks, and what a model or its server does wrong, is a flaw of the grade; what the request's
 * author can mend is thrown as TrimtabError.
 */
export async function grade(grader: Grader, context: GradeContext): Promise<Grade> {
  checkGrader(grader, context.at);
  return kindOf(grader).grade(grader, context);
}
