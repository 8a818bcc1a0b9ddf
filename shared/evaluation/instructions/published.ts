/** Prompts with instructions as IFEval and IFBench publish them: `{"key", "prompt", "instruction_id_list", "kwargs"}`, a line each. */
import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import { wordIssue } from "../../issue-words.ts";
import { IFBENCH_KINDS } from "./ifbench/kinds.ts";
import { IFEVAL_KINDS } from "./ifeval/kinds.ts";
import { Instruction } from "./registry.ts";

export const PUBLISHED_IDS: ReadonlySet<string> = new Set([...IFEVAL_KINDS, ...IFBENCH_KINDS].map(({ kind }) => kind));

/** At most so many instructions of one prompt. */
export const INSTRUCTIONS_OF_PROMPT = 32;

const Kwargs = z.record(z.string(), z.unknown());

/**
 * The instructions of one line. What a file leaves open as null is left out; a setting that the instruction needs, and that the
 * reference would draw at random, must be there.
 *
 * @param at names the fields in errors, such as `item`
 * @throws TrimtabError invalid_request with the field and what is wrong
 */
export function publishedInstructions(ids: unknown, kwargs: unknown, at: string): Instruction[] {
  const list = listOf(z.string(), ids, `${at}.instruction_id_list`);
  const settings = listOf(Kwargs, kwargs, `${at}.kwargs`);
  if (list.length !== settings.length) {
    const counts = `${settings.length} for ${list.length} instructions`;
    throw invalid(`\`${at}.kwargs\` has ${counts}; give one object for each, which may be empty`, `${at}.kwargs`);
  }
  return list.map((id, i) => {
    if (!PUBLISHED_IDS.has(id)) {
      const param = `${at}.instruction_id_list[${i}]`;
      throw invalid(
        `\`${param}\` is ${JSON.stringify(shortened(id))}, which no instruction of IFEval or IFBench is called`,
        param,
      );
    }
    const given = Object.entries(settings[i]!).filter(([, value]) => value !== null);
    return parseInstruction({ ...Object.fromEntries(given), kind: id }, `${at}.kwargs[${i}]`);
  });
}

/** One instruction. Throws as `publishedInstructions` does. */
export function parseInstruction(value: unknown, at: string): Instruction {
  const parsed = Instruction.safeParse(value);
  if (parsed.success) return parsed.data;
  const { field, problem } = wordIssue(parsed.error, value);
  const param = field === "" ? at : `${at}.${field}`;
  throw invalid(`\`${param}\` ${problem}`, param);
}

function listOf<T>(schema: z.ZodType<T>, value: unknown, at: string): T[] {
  const list = z.array(schema).min(1).max(INSTRUCTIONS_OF_PROMPT);
  const parsed = list.safeParse(value);
  if (parsed.success) return parsed.data;
  const { field, problem } = wordIssue(parsed.error, value);
  const param = field === "" ? at : `${at}${field.startsWith("[") ? "" : "."}${field}`;
  throw invalid(`\`${param}\` ${problem}`, param);
}

function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function invalid(message: string, param: string): TrimtabError {
  return new TrimtabError("invalid_request", message, { param });
}
