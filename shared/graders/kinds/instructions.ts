import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import {
  INSTRUCTIONS_OF_PROMPT,
  parseInstruction,
  publishedInstructions,
} from "../../evaluation/instructions/published.ts";
import { followsLoosely, followsStrictly, Instruction, VARIANTS } from "../../evaluation/instructions/registry.ts";
import { LIMITS } from "../../limits.ts";
import type { Flaw } from "../errors.ts";
import { flawed, type GradeContext, graderKind } from "../kind.ts";
import { render } from "../render.ts";
import { parseTemplate } from "../template.ts";
import { graderName, passThreshold, template } from "./fields.ts";

const listTemplate = (what: string) =>
  z
    .string()
    .max(LIMITS.graderTemplate)
    .meta({ description: `${what}; filled in, it must be a list as JSON` });

const schema = z
  .strictObject({
    type: z.literal("instructions"),
    name: graderName,
    input: template("The text that must follow the instructions").default("{{sample.output_text}}"),
    instructions: z
      .union([
        z.array(Instruction).min(1).max(INSTRUCTIONS_OF_PROMPT),
        listTemplate("Where the item has its instructions, such as {{item.instructions}}"),
      ])
      .optional()
      .meta({ description: "What the text must do, each `{kind, …}`: a list, or where the item has it" }),
    instruction_id_list: listTemplate("Ids of IFEval or IFBench, such as {{item.instruction_id_list}}").optional(),
    kwargs: listTemplate("The settings of those ids, such as {{item.kwargs}}").optional(),
    mode: z.enum(["strict", "loose"]).default("strict").meta({
      description: "Loose: the text, or it without its first line, its last line or asterisks",
    }),
    score: z.enum(["share", "all"]).default("share").meta({
      description: "The share of the instructions that are followed, or 1 where all are and 0 otherwise",
    }),
    pass_threshold: passThreshold.default(1),
  })
  .meta({ id: "InstructionsGrader", description: "How many verifiable instructions a text follows" });

type InstructionsGrader = z.output<typeof schema>;

/** How many verifiable instructions a text follows. */
export const instructions = graderKind({
  type: "instructions",
  schema,
  check(grader, at) {
    const { input, instructions: own, instruction_id_list: ids, kwargs } = grader;
    parseTemplate(input, `${at}.input`);
    if ((own === undefined) === (ids === undefined)) {
      const what = own === undefined ? "needs one" : "takes one of them";
      const message = `\`${at}\` ${what}: \`instructions\`, or \`instruction_id_list\` with \`kwargs\`.`;
      throw new TrimtabError("invalid_request", message, { param: at });
    }
    if ((ids === undefined) !== (kwargs === undefined)) {
      const missing = `${at}.${ids === undefined ? "instruction_id_list" : "kwargs"}`;
      throw new TrimtabError("invalid_request", `\`${missing}\` is required beside the other one.`, { param: missing });
    }
    for (const [field, value] of Object.entries({ instructions: own, instruction_id_list: ids, kwargs })) {
      if (typeof value === "string") parseTemplate(value, `${at}.${field}`);
    }
  },
  models: () => [],
  grade(grader, context) {
    const text = render(grader.input, context.observation, `${context.at}.input`);
    if ("flaw" in text) return flawed(text.flaw);
    const asked = instructionsOf(grader, context);
    if ("flaw" in asked) return flawed(asked.flaw);
    requireBounded(grader, text.text.length * asked.list.length, context.at);
    const follows = grader.mode === "loose" ? followsLoosely : followsStrictly;
    const followed = asked.list.filter((instruction) => follows(text.text, instruction)).length;
    const share = followed / asked.list.length;
    return { score: grader.score === "all" ? Number(share === 1) : share, usage: [] };
  },
});

/** Verdicts take time by the text's length, some of them a microsecond or two a character. */
function requireBounded({ mode }: InstructionsGrader, length: number, at: string): void {
  const work = length * (mode === "loose" ? VARIANTS : 1);
  if (work <= LIMITS.instructionWork) return;
  const times = mode === "loose" ? `, times ${VARIANTS} variants` : "";
  const message = `\`${at}\`: the text's characters, times the instructions${times}, are ${work}, and may be ${LIMITS.instructionWork}. Shorten the text, or judge it by fewer instructions at a time.`;
  throw new TrimtabError("invalid_request", message, { param: at });
}

type Asked = { readonly list: readonly Instruction[] } | { readonly flaw: Flaw };

function instructionsOf(grader: InstructionsGrader, context: GradeContext): Asked {
  const { instructions: own, instruction_id_list: ids, kwargs } = grader;
  const { at } = context;
  if (typeof own === "object") return { list: own };
  if (own !== undefined) {
    const found = filledIn(own, context, `${at}.instructions`);
    if ("flaw" in found) return found;
    const list = found.value;
    if (!Array.isArray(list) || list.length === 0 || list.length > INSTRUCTIONS_OF_PROMPT) {
      const param = `${at}.instructions`;
      const message = `\`${param}\` must be a list of 1 to ${INSTRUCTIONS_OF_PROMPT} instructions once it is filled in.`;
      throw new TrimtabError("invalid_request", message, { param });
    }
    return { list: list.map((one, i) => parseInstruction(one, `${at}.instructions[${i}]`)) };
  }
  const [names, settings] = [
    filledIn(ids ?? "", context, `${at}.instruction_id_list`),
    filledIn(kwargs ?? "", context, `${at}.kwargs`),
  ];
  if ("flaw" in names) return names;
  if ("flaw" in settings) return settings;
  return { list: publishedInstructions(names.value, settings.value, at) };
}

/** A template filled in, as JSON. */
function filledIn(
  text: string,
  { observation }: GradeContext,
  param: string,
): { readonly value: unknown } | { readonly flaw: Flaw } {
  const rendered = render(text, observation, param);
  if ("flaw" in rendered) return rendered;
  try {
    return { value: JSON.parse(rendered.text) };
  } catch {
    throw new TrimtabError("invalid_request", `\`${param}\` must be a list as JSON once it is filled in.`, { param });
  }
}
