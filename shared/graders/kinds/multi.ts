import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { joinFlaws } from "../errors.ts";
import { parseFormula } from "../formula/formula.ts";
import { FORMULA_FUNCTIONS } from "../formula/functions.ts";
import { graderKind } from "../kind.ts";
import { PartGrader, partKind } from "../parts.ts";
import { graderName } from "./fields.ts";

const partGraders = z.record(z.string(), PartGrader);
type Graders = PartGrader | z.output<typeof partGraders>;

interface Part {
  readonly name: string;
  readonly grader: PartGrader;
  readonly at: string;
}

/** Several graders and a formula over their scores. A flaw in any of them makes the reward 0, whatever the formula says. */
export const multi = graderKind({
  type: "multi",
  schema: z
    .strictObject({
      type: z.literal("multi"),
      name: graderName,
      graders: z.union([PartGrader, partGraders]).meta({
        description:
          "One grader, which the formula calls by its `name`, or an object of graders by the formula's names",
      }),
      calculate_output: z
        .string()
        .max(LIMITS.graderFormula)
        .meta({
          description: `Arithmetic over the graders' names: + - * / ^, parentheses, ${[...FORMULA_FUNCTIONS.keys()].join(", ")}`,
        }),
    })
    .meta({ id: "MultiGrader" }),
  check({ graders, calculate_output: text }, at) {
    const parts = partsOf(graders, at);
    if (parts.length === 0 || parts.length > LIMITS.graders) {
      throw refused(`${at}.graders`, `must have 1 to ${LIMITS.graders} graders`);
    }
    const param = `${at}.calculate_output`;
    const { names } = parseFormula(text, param);
    const known = new Set(parts.map(({ name }) => name));
    const unknown = names.find((name) => !known.has(name));
    if (unknown !== undefined) throw refused(param, `names ${unknown}, which is none of: ${[...known].join(", ")}`);
    const unused = parts.find(({ name }) => !names.includes(name));
    if (unused !== undefined) {
      const hint = /^[A-Za-z_][A-Za-z0-9_]*$/.test(unused.name)
        ? "use it, or leave the grader out"
        : "give the grader a name of letters, digits and underscores";
      throw refused(param, `does not use ${JSON.stringify(unused.name)}; ${hint}`);
    }
    for (const part of parts) partKind(part.grader).check(part.grader, part.at);
  },
  models: ({ graders }, at) =>
    partsOf(graders, at).flatMap((part) => partKind(part.grader).models(part.grader, part.at)),
  async grade({ graders, calculate_output: text }, context) {
    const formula = parseFormula(text, `${context.at}.calculate_output`);
    const parts = partsOf(graders, context.at);
    // All are waited for, since what a model has begun to say is charged whether or not another grader is refused.
    const settled = await Promise.allSettled(
      parts.map(async ({ grader, at }) => partKind(grader).grade(grader, { ...context, at })),
    );
    const grades = settled.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
    const scores = parts.map(({ name }, i) => [name, grades[i]!.score] as const);
    const reward = formula.evaluate(new Map(scores));
    const broken = Number.isFinite(reward) ? undefined : { other_error: true };
    const flaw = joinFlaws([...grades.map((grade) => grade.flaw), broken]);
    return {
      score: flaw === undefined ? reward : 0,
      flaw,
      usage: grades.flatMap(({ usage }) => usage),
      parts: Object.fromEntries(scores),
    };
  },
});

/** One grader is told from an object of them by its type, which is a text. */
function isOne(graders: Graders): graders is PartGrader {
  return typeof (graders as PartGrader).type === "string";
}

function partsOf(graders: Graders, at: string): Part[] {
  if (isOne(graders)) return [{ name: graders.name as string, grader: graders, at: `${at}.graders` }];
  return Object.entries(graders).map(([name, grader]) => ({ name, grader, at: `${at}.graders.${name}` }));
}

function refused(param: string, problem: string): TrimtabError {
  return new TrimtabError("invalid_request", `\`${param}\` ${problem}.`, { param });
}
