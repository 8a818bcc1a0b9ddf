/** Further examples of those that a file has, made by rules. The same file, rules and seed make the same lines. */
import { TrimtabError } from "../../errors.ts";
import { createRandom } from "../../random.ts";
import type { Example } from "../example.ts";
import type { TrainingLine } from "../training-lines.ts";
import { AUGMENT_RULES, type AugmentRuleName } from "./registry.ts";
import type { Augmented, AugmentRule } from "./rule.ts";
import { replyText } from "./rule.ts";

export interface AugmentOptions {
  readonly rules: readonly AugmentRuleName[];
  /** Forms of each line that each rule makes at most. */
  readonly copies: number;
  readonly seed: number;
  /** Whether the lines that were given stand before those that are made; never before pairs. */
  readonly withOriginals: boolean;
}

/** One line of the result: a record that datasets may have, with where it comes from. */
export type AugmentedRecord = Readonly<Record<string, unknown>> & { readonly provenance: Provenance };

export interface Provenance {
  readonly source_line: number;
  /** null of a line as it was given. */
  readonly rule: AugmentRuleName | null;
  readonly copy: number;
  readonly seed: number;
}

/** Throws `invalid_request` for rules that do not go together. */
export function* augmented(lines: readonly TrainingLine[], options: AugmentOptions): Generator<AugmentedRecord> {
  const { rules, copies, seed, withOriginals } = options;
  const makes = new Set(rules.map((name) => AUGMENT_RULES[name].makes));
  if (makes.size > 1) {
    const pairs = rules.filter((name) => AUGMENT_RULES[name].makes === "pairs").join(", ");
    const message = `${pairs} makes pairs of preferences, which cannot stand in one file with examples. Run it alone.`;
    throw new TrimtabError("invalid_request", message, { param: "rules" });
  }
  const others = lines.flatMap(({ example }) => replyText(example) ?? []).filter((reply) => reply.trim() !== "");
  for (const { line, example } of lines) {
    const of = { source_line: line, seed };
    if (withOriginals && !makes.has("pairs")) {
      yield { ...recordOf(example), provenance: { ...of, rule: null, copy: 0 } };
    }
    const seen = new Set([JSON.stringify(recordOf(example))]);
    for (const name of rules) {
      const rule: AugmentRule = AUGMENT_RULES[name];
      for (let copy = 1; copy <= copies; copy++) {
        const made = rule.apply(example, createRandom(seed, "augment", name, line, copy), others);
        if (made === undefined) break;
        const record = recordOf(made);
        const text = JSON.stringify(record);
        if (seen.has(text)) continue;
        seen.add(text);
        yield { ...record, provenance: { ...of, rule: name, copy } };
      }
    }
  }
}

/** What datasets call the parts of an example. */
function recordOf(made: Augmented): Readonly<Record<string, unknown>> {
  if (made.kind === "pair") return pairOf(made.prompt, made.rejected);
  if (made.kind === "completion") return { prompt: made.prompt, completion: made.completion };
  if (made.kind === "led") return { text: made.text };
  return { messages: made.messages, ...(made.tools === undefined ? {} : { tools: made.tools }) };
}

function pairOf(prompt: Example, rejected: string): Readonly<Record<string, unknown>> {
  if (prompt.kind === "completion") return { prompt: prompt.prompt, chosen: prompt.completion, rejected };
  const messages = prompt.kind === "chat" ? prompt.messages : [];
  const chosen = messages.at(-1)!;
  return {
    prompt: messages.slice(0, -1),
    chosen: [chosen],
    rejected: [{ role: "assistant", content: rejected }],
  };
}
