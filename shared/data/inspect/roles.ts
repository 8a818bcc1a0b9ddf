/** Whether the turns of conversations follow each other as models expect, and what their system prompts are. */
import { textKey } from "../../formats/text-key.ts";
import type { LineTexts, Turn } from "./line-texts.ts";

/** What is unusual in a line's turns. A line counts once for each. */
export const ROLE_PROBLEMS = {
  empty_turn: "a turn is empty",
  no_reply: "no assistant turn",
  ends_without_reply: "the last turn is not the assistant's",
  begins_with_assistant: "the assistant speaks before anybody asked, though the line goes on",
  repeated_role: "two turns of one speaker in a row",
  system_not_first: "a system turn that is not the first",
  tool_without_call: "a result of a tool that nobody called",
} as const;
export type RoleProblem = keyof typeof ROLE_PROBLEMS;
export const ROLE_PROBLEM_NAMES = Object.keys(ROLE_PROBLEMS) as RoleProblem[];

export interface RoleFigures {
  readonly turns: number;
  readonly multi_turn_lines: number;
  readonly problems: readonly {
    readonly problem: RoleProblem;
    readonly lines: number;
    readonly examples: readonly number[];
  }[];
  readonly system_prompts: {
    readonly lines: number;
    readonly distinct: number;
    /** Whether `distinct` is only the least that there are. */
    readonly more: boolean;
    readonly most_common: readonly { readonly text: string; readonly lines: number; readonly first_line: number }[];
  };
}

const MOST_DISTINCT = 20_000;
const MOST_SHOWN = 5;
const SHOWN_CHARACTERS = 160;

/** The problems of a line, in the order of the table. */
export function roleProblems({ turns }: Pick<LineTexts, "turns">): RoleProblem[] {
  const spoken = turns.filter(({ role }) => role !== "system");
  const first = spoken[0]?.role;
  const has: Record<RoleProblem, boolean> = {
    empty_turn: turns.some(({ text, calls }) => text.trim() === "" && !calls),
    no_reply: spoken.every(({ role }) => role !== "assistant"),
    ends_without_reply: spoken.length > 0 && spoken.at(-1)!.role !== "assistant",
    begins_with_assistant: first === "assistant" && spoken.length > 1,
    repeated_role: spoken.some(({ role }, at) => at > 0 && role !== "tool" && spoken[at - 1]!.role === role),
    system_not_first: turns.some(({ role }, at) => at > 0 && role === "system"),
    tool_without_call: toolWithoutCall(turns),
  };
  return ROLE_PROBLEM_NAMES.filter((problem) => has[problem]);
}

function toolWithoutCall(turns: readonly Turn[]): boolean {
  let called = false;
  for (const { role, calls } of turns) {
    if (role === "tool" && !called) return true;
    if (role !== "tool") called = calls;
  }
  return false;
}

export class Roles {
  readonly #problems = new Map<RoleProblem, { lines: number; examples: number[] }>();
  readonly #systems = new Map<string, { text: string; lines: number; first_line: number }>();
  readonly #most: number;
  #turns = 0;
  #multi = 0;
  #withSystem = 0;
  #more = false;

  /** @param examples lines that are named of each problem */
  constructor(examples: number) {
    this.#most = examples;
  }

  add(texts: LineTexts): void {
    const { line, turns } = texts;
    this.#turns += turns.length;
    if (turns.filter(({ role }) => role === "assistant").length > 1) this.#multi += 1;
    for (const problem of roleProblems(texts)) {
      const known = this.#problems.get(problem) ?? { lines: 0, examples: [] };
      this.#problems.set(problem, known);
      known.lines += 1;
      if (known.examples.length < this.#most) known.examples.push(line);
    }
    const system = turns.find(({ role }) => role === "system");
    if (system === undefined) return;
    this.#withSystem += 1;
    const key = textKey(system.text);
    const known = this.#systems.get(key);
    if (known !== undefined) known.lines += 1;
    else if (this.#systems.size >= MOST_DISTINCT) this.#more = true;
    else this.#systems.set(key, { text: system.text.slice(0, SHOWN_CHARACTERS), lines: 1, first_line: line });
  }

  get figures(): RoleFigures {
    const common = [...this.#systems.values()].sort((a, b) => b.lines - a.lines || a.first_line - b.first_line);
    return {
      turns: this.#turns,
      multi_turn_lines: this.#multi,
      problems: ROLE_PROBLEM_NAMES.flatMap((problem) => {
        const found = this.#problems.get(problem);
        return found === undefined ? [] : [{ problem, ...found }];
      }),
      system_prompts: {
        lines: this.#withSystem,
        distinct: this.#systems.size,
        more: this.#more,
        most_common: common.slice(0, MOST_SHOWN),
      },
    };
  }
}
