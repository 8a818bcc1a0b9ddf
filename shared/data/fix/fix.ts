/** Decides which lines of a dataset are dropped, by rules. The lines are read once to decide, and once more to write what stays. */
import { TrimtabError } from "../../errors.ts";
import type { ReadRecord } from "../dataset-kinds/kind.ts";
import { type EncodeLineOptions, encodeLine } from "../encode-line.ts";
import { Copies, type CopyOptions } from "../inspect/copies.ts";
import { type LineTexts, lineTexts } from "../inspect/line-texts.ts";
import { MOST_ENCODED } from "../inspect/token-counts.ts";
import { FIX_RULE_NAMES, FIX_RULES, type FixRuleName } from "./registry.ts";
import type { CopyGroups, DroppedLine, FixRule, Keep } from "./rule.ts";

export interface FixOptions extends CopyOptions {
  /** Lines that one of these finds are dropped. */
  readonly drop: readonly FixRuleName[];
  /** If any, lines that none of these finds are dropped. */
  readonly only: readonly FixRuleName[];
  readonly keep: Keep;
  /** How a model reads lines; undefined where none is named. */
  readonly model: Omit<EncodeLineOptions, "line" | "prompts"> | undefined;
  /** What reasons call the held-out files. */
  readonly heldOut: readonly string[];
  readonly pause: () => Promise<void>;
}

export interface FixedLine extends DroppedLine {
  /** `only`: none of the rules that lines must be found by found it. */
  readonly rule: FixRuleName | "only";
}

export interface FixVerdict {
  readonly lines: number;
  /** By `lineId`, in the order of the file. */
  readonly dropped: ReadonlyMap<number, FixedLine>;
  /** Whether all lines were compared for near copies; true where no rule asks for it. */
  readonly complete: boolean;
}

const BEYOND_READING = {
  reason: "reply_beyond_limit",
  detail: `it has more than ${MOST_ENCODED.toLocaleString("en")} characters`,
} as const;

const WORK_BETWEEN_PAUSES = 50_000;

export class DataFix {
  readonly #options: FixOptions;
  readonly #rules: readonly FixRuleName[];
  readonly #copies: Copies | undefined;
  readonly #found = new Map<number, Map<FixRuleName, DroppedLine>>();
  readonly #lengths = new Map<number, number>();
  readonly #order: number[] = [];
  #work = 0;

  /** Throws `invalid_request`, with `drop` or `only` as `param`, for a rule that lacks what it needs. */
  constructor(options: FixOptions) {
    this.#options = options;
    const { drop, only, model, heldOut } = options;
    this.#rules = FIX_RULE_NAMES.filter((name) => drop.includes(name) || only.includes(name));
    for (const name of this.#rules) {
      const { needs }: FixRule = FIX_RULES[name];
      if (needs === "model" && model === undefined)
        throw lacks(name, "`model`, whose tokenizer reads the lines", options);
      if (needs === "held-out files" && heldOut.length === 0) {
        throw lacks(name, "`validation_file` or `evaluation_files` to compare with", options);
      }
    }
    const compares = this.#rules.some((name) => (FIX_RULES[name] as FixRule).copies !== undefined);
    this.#copies = compares ? new Copies(options) : undefined;
  }

  /** A line of a held-out file; all of them come first. */
  async addHeldOut(file: number, line: number, { examples }: ReadRecord): Promise<void> {
    const texts = lineTexts(line, examples);
    this.#copies?.addHeldOut(file, texts);
    await this.#worked(texts);
  }

  /** @param id its `lineId` */
  async add(id: number, line: number, record: ReadRecord): Promise<void> {
    const { model, keep } = this.#options;
    const texts = lineTexts(id, record.examples);
    this.#order.push(id);
    if (keep === "longest") this.#lengths.set(id, texts.content.length);
    this.#copies?.add(texts);
    const { examples, prompts = false } = record;
    let read: ReturnType<typeof encodeLine> | undefined;
    const encoded = () => {
      if (model === undefined) return undefined;
      if (texts.key.length > MOST_ENCODED) return BEYOND_READING;
      read ??= encodeLine(examples, { ...model, line, prompts });
      return read;
    };
    for (const name of this.#rules) {
      const reason = (FIX_RULES[name] as FixRule).line?.({ texts, record, encoded });
      if (reason !== undefined) this.#note(name, { line: id, reason });
    }
    await this.#worked(texts, read?.encodedTokens);
  }

  async verdict(): Promise<FixVerdict> {
    const { drop, only, pause } = this.#options;
    const found = await this.#copies?.find(pause);
    if (found !== undefined) {
      const groups = this.#groups(found.exact);
      for (const name of this.#rules) {
        for (const dropped of (FIX_RULES[name] as FixRule).copies?.(found, groups) ?? []) this.#note(name, dropped);
      }
    }
    const dropped = new Map<number, FixedLine>();
    for (const id of this.#order) {
      const rules = this.#found.get(id);
      const rule = drop.length === 0 ? undefined : this.#rules.find((name) => drop.includes(name) && rules?.has(name));
      if (rule !== undefined) dropped.set(id, { rule, ...rules!.get(rule)! });
      else if (only.length > 0 && !only.some((name) => rules?.has(name))) {
        dropped.set(id, { rule: "only", line: id, reason: `is not found by ${only.join(" or ")}` });
      }
    }
    for (const [id, line] of dropped) {
      const other = staying(line, dropped);
      if (other !== line.other) dropped.set(id, { ...line, other: other! });
    }
    return { lines: this.#order.length, dropped, complete: found?.complete ?? true };
  }

  #note(rule: FixRuleName, dropped: DroppedLine): void {
    const known = this.#found.get(dropped.line);
    if (known === undefined) this.#found.set(dropped.line, new Map([[rule, dropped]]));
    else if (!known.has(rule)) known.set(rule, dropped);
  }

  #groups(exact: readonly { readonly line: number; readonly earlier_line: number }[]): CopyGroups {
    const repeats = new Map<number, number[]>();
    for (const { line, earlier_line: first } of exact) {
      const known = repeats.get(first);
      if (known === undefined) repeats.set(first, [first, line]);
      else known.push(line);
    }
    return {
      heldOut: this.#options.heldOut,
      withRepeats: (line) => repeats.get(line) ?? [line],
      dropped: (group) => {
        const kept = this.#keptOf(group);
        return group.filter((line) => line !== kept).map((line) => ({ line, kept }));
      },
    };
  }

  #keptOf(group: readonly number[]): number | undefined {
    const { keep } = this.#options;
    if (keep === "none") return undefined;
    if (keep === "first") return group[0];
    if (keep === "last") return group.at(-1);
    const length = (line: number) => this.#lengths.get(line) ?? 0;
    return group.reduce((best, line) => (length(line) > length(best) ? line : best));
  }

  async #worked({ content }: LineTexts, tokens = 0): Promise<void> {
    this.#work += content.length + 16 * tokens;
    if (this.#work < WORK_BETWEEN_PAUSES) return;
    this.#work = 0;
    await this.#options.pause();
  }
}

/** The line that stays in a line's place: where that is dropped as a copy too, the one in its place. */
function staying({ other }: FixedLine, dropped: ReadonlyMap<number, FixedLine>): number | undefined {
  let at = other;
  const passed = new Set<number>();
  while (at !== undefined && !passed.has(at)) {
    passed.add(at);
    const next = dropped.get(at)?.other;
    if (next === undefined) return at;
    at = next;
  }
  return at;
}

function lacks(rule: FixRuleName, what: string, { drop }: FixOptions): TrimtabError {
  const param = drop.includes(rule) ? "drop" : "only";
  return new TrimtabError("invalid_request", `The rule ${rule} needs ${what}. Name it, or leave the rule out.`, {
    param,
  });
}
