/** How faithfully replies follow verifiable instructions: IFEval's four accuracies. */

import { followsLoosely, followsStrictly, type InstructionPrompt } from "./instructions/registry.ts";
import { type Estimate, independentOf, shareOf } from "./intervals.ts";

export interface Fidelity {
  /** Of the prompts, those whose every instruction is followed. */
  readonly prompt_strict: Estimate | null;
  readonly prompt_loose: Estimate | null;
  /** Of all instructions. */
  readonly instruction_strict: Estimate | null;
  readonly instruction_loose: Estimate | null;
  /** By kind of instruction, loosely. */
  readonly kinds: Readonly<Record<string, { readonly followed: number; readonly n: number }>>;
}

/** @param replies one for each prompt, in order */
export function fidelityOf(prompts: readonly InstructionPrompt[], replies: readonly string[]): Fidelity {
  const kinds: Record<string, { followed: number; n: number }> = {};
  const judged = prompts.map(({ instructions }, index) =>
    instructions.map((instruction) => {
      const text = replies[index]!;
      const loose = followsLoosely(text, instruction);
      const { followed, n } = kinds[instruction.kind] ?? { followed: 0, n: 0 };
      kinds[instruction.kind] = { followed: followed + Number(loose), n: n + 1 };
      return { strict: followsStrictly(text, instruction), loose };
    }),
  );
  const right = (values: readonly boolean[]) => values.filter(Boolean).length;
  const share = (values: readonly boolean[]) => shareOf(right(values), values.length);
  const all = judged.flat();
  // One reply follows or misses all instructions of its prompt.
  const independent = independentOf(judged.flatMap((one, prompt) => one.map(() => prompt)));
  const ofAll = (values: readonly boolean[]) => shareOf(right(values), values.length, independent);
  return {
    prompt_strict: share(judged.map((one) => one.every(({ strict }) => strict))),
    prompt_loose: share(judged.map((one) => one.every(({ loose }) => loose))),
    instruction_strict: ofAll(all.map(({ strict }) => strict)),
    instruction_loose: ofAll(all.map(({ loose }) => loose)),
    kinds: Object.fromEntries(Object.entries(kinds).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}
