/**
 * Looks at a dataset beyond what is wrong with single lines. Lines come one by one, those of held-out files first; what is
 * remembered of them is bounded, and so is what the report names.
 */
import type { ReadRecord } from "../dataset-kinds/kind.ts";
import { Copies, type CopyOptions, type LinePair, type OverlapKind } from "./copies.ts";
import { type LexicalFigures, lexicalFigures } from "./diversity/lexical.ts";
import { selfBleu } from "./diversity/self-bleu.ts";
import { type VerbNounFigures, verbNounFigures, verbNounOf } from "./diversity/verb-noun.ts";
import { Findings } from "./findings.ts";
import { Lengths } from "./lengths.ts";
import { type LinePlace, lineId, placeOf } from "./line-ids.ts";
import { type LineTexts, lineTexts } from "./line-texts.ts";
import { findPii, type PiiKindName } from "./pii/registry.ts";
import { type RefusalPattern, refusalIn } from "./refusals.ts";
import { Roles } from "./roles.ts";
import { LineSample } from "./sample.ts";
import { TokenCounts, type TokenOptions } from "./token-counts.ts";

export interface InspectionOptions extends CopyOptions {
  /** Findings of each kind that the report names. */
  readonly examples: number;
  /** What the report calls the files that are looked at together, and those that are held out. */
  readonly files: readonly string[];
  readonly heldOut: readonly string[];
  /** How a model would read the lines; undefined where none is named. */
  readonly tokens?: TokenOptions | undefined;
  /** Awaited now and then, since looking blocks the thread. */
  readonly pause: () => Promise<void>;
}

/** Lines whose languages and words are looked at, and texts that are compared with each other. */
const SAMPLED_LINES = 1500;
const COMPARED_TEXTS = 150;
/** Characters, or tokens with some weight, between two pauses: a few milliseconds of work. */
const WORK_BETWEEN_PAUSES = 50_000;
const TOKEN_WORK = 16;
const LANGUAGES_BETWEEN_PAUSES = 20;

interface NamedLine {
  readonly line: number;
  readonly file?: string;
}
interface FoundPii {
  readonly line: number;
  readonly kind: PiiKindName;
  readonly shown: string;
}
interface FoundRefusal {
  readonly line: number;
  readonly pattern: RefusalPattern;
}

export class Inspection {
  readonly #options: InspectionOptions;
  readonly #copies: Copies;
  readonly #tokens: TokenCounts | undefined;
  readonly #roles: Roles;
  readonly #sample = new LineSample(SAMPLED_LINES);
  readonly #characters = { prompt: new Lengths(), reply: new Lengths() };
  readonly #pii = new Map<PiiKindName, Findings<FoundPii>>();
  readonly #piiLines = new Findings<FoundPii>(0);
  readonly #refusals: Findings<FoundRefusal>;
  readonly #refusalPatterns = new Map<RefusalPattern, number>();
  readonly #layouts = new Map<string, number>();
  readonly #heldOutLines: number[];
  readonly #negative = { rejected_replies: 0, replies_not_trained: 0, undesirable: 0 };
  #lines = 0;
  #examples = 0;
  #replies = 0;
  #work = 0;

  constructor(options: InspectionOptions) {
    this.#options = options;
    this.#copies = new Copies(options);
    this.#roles = new Roles(options.examples);
    this.#refusals = new Findings(options.examples);
    this.#heldOutLines = options.heldOut.map(() => 0);
    if (options.tokens !== undefined) this.#tokens = new TokenCounts(options.tokens, options.examples);
  }

  /** A line of a held-out file, by the file's place in `heldOut`. */
  async addHeldOut(file: number, line: number, { examples }: ReadRecord): Promise<void> {
    const texts = lineTexts(line, examples);
    this.#heldOutLines[file]! += 1;
    this.#copies.addHeldOut(file, texts);
    await this.#worked(texts.content.length);
  }

  /**
   * A line of the files that are looked at.
   *
   * @param value the record as it was read, for the label that some kinds have
   */
  async add(place: LinePlace, { examples, layout, prompts }: ReadRecord, value: unknown): Promise<void> {
    const id = lineId(place.file, place.line);
    const texts = lineTexts(id, examples);
    this.#lines += 1;
    this.#examples += examples.length;
    this.#layouts.set(layout, (this.#layouts.get(layout) ?? 0) + 1);
    this.#copies.add(texts);
    this.#roles.add(prompts ? { ...texts, turns: askedOnly(texts) } : texts);
    this.#characters.prompt.add(texts.prompt.length);
    for (const reply of texts.replies) this.#characters.reply.add(reply.length);
    this.#sample.add(id, texts.instruction || texts.content, texts.replies[0] ?? "");
    this.#addNegative(texts, value);
    this.#addRefusals(texts);
    this.#addPii(texts);
    const encoded = this.#tokens?.add({ line: id, characters: texts.key.length }, examples, prompts) ?? 0;
    await this.#worked(texts.content.length + TOKEN_WORK * encoded);
  }

  #addNegative({ turns, replies }: LineTexts, value: unknown): void {
    const { label } = (value ?? {}) as { readonly label?: unknown };
    if (replies.length > 1) this.#negative.rejected_replies += replies.length - 1;
    if (turns.some(({ role, trained }) => role === "assistant" && !trained)) this.#negative.replies_not_trained += 1;
    if (label === false) this.#negative.undesirable += 1;
  }

  #addRefusals({ line, turns, replies }: LineTexts): void {
    const said =
      replies.length > 1 ? replies : turns.filter(({ role }) => role === "assistant").map(({ text }) => text);
    for (const reply of said) {
      this.#replies += 1;
      const pattern = refusalIn(reply);
      if (pattern === undefined) continue;
      this.#refusalPatterns.set(pattern, (this.#refusalPatterns.get(pattern) ?? 0) + 1);
      this.#refusals.add({ line, pattern });
    }
  }

  #addPii({ line, turns, replies }: LineTexts): void {
    const texts = [...turns.map(({ text }) => text), ...replies.slice(1)];
    for (const { kind, shown } of texts.flatMap((text) => findPii(text))) {
      const known = this.#pii.get(kind) ?? new Findings<FoundPii>(this.#options.examples);
      this.#pii.set(kind, known);
      known.add({ line, kind, shown });
      this.#piiLines.add({ line, kind, shown });
    }
  }

  async #worked(amount: number): Promise<void> {
    this.#work += amount;
    if (this.#work < WORK_BETWEEN_PAUSES) return;
    this.#work = 0;
    await this.#options.pause();
  }

  /** Where a line is; its file is named where there are several. */
  #at(id: number): NamedLine {
    const { file, line } = placeOf(id);
    const { files } = this.#options;
    return files.length === 1 ? { line } : { line, file: files[file]! };
  }

  /** Ends the inspection. */
  async report() {
    const { pause } = this.#options;
    const at = (id: number) => this.#at(id);
    const found = <T extends { readonly line: number }>(findings: readonly T[]) =>
      findings.map(({ line, ...rest }) => ({ ...at(line), ...rest }));
    return {
      lines: this.#lines,
      examples: this.#examples,
      layouts: Object.fromEntries(this.#layouts),
      characters: { prompts: this.#characters.prompt.figures, replies: this.#characters.reply.figures },
      tokens: this.#tokenFigures(),
      roles: this.#roleFigures(),
      ...(await this.#copyFigures()),
      ...(await this.#sampledFigures(pause)),
      negative: { ...this.#negative },
      refusals: {
        replies: this.#replies,
        refusing: [...this.#refusalPatterns.values()].reduce((sum, count) => sum + count, 0),
        lines: this.#refusals.lines,
        patterns: Object.fromEntries(this.#refusalPatterns),
        examples: found(this.#refusals.examples),
      },
      personal_data: {
        lines: this.#piiLines.lines,
        kinds: [...this.#pii].map(([kind, { lines, examples }]) => ({
          kind,
          lines,
          examples: found(examples).map(({ kind: _, ...example }) => example),
        })),
      },
    };
  }

  #tokenFigures() {
    const figures = this.#tokens?.figures;
    if (figures === undefined) return null;
    return {
      ...figures,
      truncated_lines: figures.truncated_lines.map((id) => this.#at(id)),
      dropped_lines: figures.dropped_lines.map(({ line, reason }) => ({ ...this.#at(line), reason })),
    };
  }

  #roleFigures() {
    const { problems, system_prompts: system, ...rest } = this.#roles.figures;
    return {
      ...rest,
      problems: problems.map(({ examples, ...problem }) => ({
        ...problem,
        examples: examples.map((id) => this.#at(id)),
      })),
      system_prompts: {
        ...system,
        most_common: system.most_common.map(({ first_line, ...one }) => ({ ...one, first: this.#at(first_line) })),
      },
    };
  }

  async #copyFigures() {
    const { examples: most, pause, heldOut, similarity } = this.#options;
    const pair = ({ line, earlier_line: earlier }: LinePair) => ({ ...this.#at(line), earlier: this.#at(earlier) });
    const found = await this.#copies.find(pause);
    const near = new Set(found.clusters.flatMap(([, ...others]) => others));
    return {
      duplicates: {
        exact: { lines: found.exact.length, examples: found.exact.slice(0, most).map(pair) },
        near: {
          similarity,
          compared_lines: found.compared,
          lines: near.size,
          clusters: found.clusters.length,
          largest_clusters: found.clusters
            .toSorted((a, b) => b.length - a.length)
            .slice(0, most)
            .map((lines) => ({ size: lines.length, lines: lines.slice(0, most).map((id) => this.#at(id)) })),
          examples: found.near.slice(0, most).map((near) => ({ ...pair(near), similarity: rounded(near.similarity) })),
        },
        same_prompt: { lines: found.prompts.length, examples: found.prompts.slice(0, most).map(pair) },
        complete: found.complete,
      },
      contamination: heldOut.map((file, at) => {
        const overlaps = found.overlaps.filter((overlap) => overlap.file === at);
        const count = (kind: OverlapKind) => overlaps.filter((overlap) => overlap.kind === kind).length;
        return {
          file,
          lines: this.#heldOutLines[at]!,
          training_lines: overlaps.length,
          held_out_lines: new Set(overlaps.map(({ other_line }) => other_line)).size,
          kinds: { exact: count("exact"), near: count("near"), ngrams: count("ngrams"), prompt: count("prompt") },
          examples: overlaps.slice(0, most).map(({ line, other_line, kind, similarity: alike }) => ({
            ...this.#at(line),
            other_line,
            kind,
            similarity: rounded(alike),
          })),
        };
      }),
    };
  }

  async #sampledFigures(pause: () => Promise<void>) {
    // Both bring models of their own, which only inspections need.
    const { languageMix, languageOf } = await import("./diversity/languages.ts");
    const sampled = this.#sample.lines;
    const languages: { line: number; language: string }[] = [];
    for (const [at, { line, instruction, reply }] of sampled.entries()) {
      languages.push({ line, language: languageOf(`${instruction}\n${reply}`) });
      if (at % LANGUAGES_BETWEEN_PAUSES === 0) await pause();
    }
    const english = sampled.filter((_, at) => languages[at]!.language === "en").map(({ instruction }) => instruction);
    const verbs = await verbNounsOf(
      english.filter((text) => text !== ""),
      pause,
    );
    await pause();
    const diversity = await this.#diversity(pause);
    return {
      languages: {
        sampled_lines: sampled.length,
        mix: languageMix(languages).map(({ first_line, ...one }) => ({ ...one, first: this.#at(first_line) })),
      },
      diversity: { sampled_lines: sampled.length, ...diversity, verb_noun: verbs },
    };
  }

  async #diversity(pause: () => Promise<void>) {
    const sampled = this.#sample.lines;
    const figures = async (texts: readonly string[]): Promise<LexicalFigures & { self_bleu: number | null }> => {
      const lexical = lexicalFigures(texts);
      await pause();
      const step = Math.max(1, Math.floor(texts.length / COMPARED_TEXTS));
      const compared = texts.filter((_, at) => at % step === 0).slice(0, COMPARED_TEXTS);
      const self_bleu = selfBleu(compared);
      await pause();
      return { ...lexical, self_bleu };
    };
    return {
      instructions: await figures(sampled.map(({ instruction }) => instruction)),
      replies: await figures(sampled.map(({ reply }) => reply)),
    };
  }
}

async function verbNounsOf(texts: readonly string[], pause: () => Promise<void>): Promise<VerbNounFigures> {
  const { firstSentence } = await import("./diversity/english-tagger.ts");
  const read: ReturnType<typeof verbNounOf>[] = [];
  for (const [at, text] of texts.entries()) {
    read.push(verbNounOf(firstSentence(text)));
    if (at % LANGUAGES_BETWEEN_PAUSES === 0) await pause();
  }
  return verbNounFigures(read);
}

const rounded = (value: number) => Math.round(value * 1000) / 1000;

/** Prompts are read to where a reply would begin, so that none is missing. */
const askedOnly = ({ turns }: LineTexts) => [
  ...turns,
  { role: "assistant", text: "…", trained: false, calls: false } as const,
];

export type InspectionReport = Awaited<ReturnType<Inspection["report"]>>;
