/** What a report asks both models, within its budget. */
import type { ReportSettings } from "../../shared/api/report-settings.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { INSTRUCTION_PROMPTS } from "../../shared/evaluation/instruction-prompts.ts";
import type { InstructionPrompt } from "../../shared/evaluation/instructions/registry.ts";
import type { EvaluationProbes, ProbePrompt, Style } from "../../shared/evaluation/probes.ts";
import { type ChatTemplate, IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import { createRandom } from "../../shared/random.ts";
import type { TokenizedExample } from "../data/units.ts";
import type { TrainedTexts } from "./trained-texts.ts";

/** A prompt of the job's data. */
export interface ReportPrompt {
  readonly ids: Int32Array;
  /** For people. */
  readonly text: string;
  /** The dataset's line. */
  readonly item: Readonly<Record<string, unknown>>;
}

/** The better completion and the worse one, behind their prompt. */
export interface ReportPair {
  readonly chosen: TokenizedExample;
  readonly rejected: TokenizedExample;
}

/** A completion behind its prompt, with its label. */
export interface ReportCompletion {
  readonly example: TokenizedExample;
  readonly desirable: boolean;
}

export interface Asked<T> {
  readonly ids: Int32Array;
  readonly of: T;
}

export interface Questions {
  readonly prompts: readonly ReportPrompt[];
  readonly samples: number;
  readonly maxTokens: number;
  readonly pairs: readonly ReportPair[];
  readonly completions: readonly ReportCompletion[];
  readonly instructions: readonly Asked<InstructionPrompt>[];
  readonly instructionsFrom: "base" | "built-in";
  readonly facts: readonly Asked<EvaluationProbes["facts"][number]>[];
  readonly tasks: readonly Asked<EvaluationProbes["tasks"][number]>[];
  readonly texts: readonly TokenizedExample[];
  readonly styles: readonly { readonly style: Style; readonly prompts: readonly Int32Array[] }[];
  /** Tokens of the longest prompt with its reply. */
  readonly longest: number;
}

/** Tokens of the answers to the base's probes. */
export const ANSWER_TOKENS = { fact: 16, task: 48, style: 48 } as const;

export interface QuestionOptions {
  readonly settings: ReportSettings;
  readonly seed: number;
  readonly probes: EvaluationProbes;
  readonly tokenizer: Tokenizer;
  /** Absent for a model without a template, which can be asked no chats. */
  readonly template: ChatTemplate | undefined;
  /** Tokens that the model can see, less those that the method takes. */
  readonly room: number;
  readonly prompts: readonly ReportPrompt[];
  readonly pairs: readonly ReportPair[];
  readonly completions: readonly ReportCompletion[];
  /** Facts that the training file states, and probes that it has as prompts, are not asked. */
  readonly trained: TrainedTexts;
}

/** Draws what fits; the seed decides, so that the same job asks the same. */
export function chooseQuestions(options: QuestionOptions): Questions {
  const { settings, probes, tokenizer, template, room, prompts, pairs, trained } = options;
  const { samples, max_tokens: maxTokens } = settings;
  const some = settings.prompts;
  const many = 2 * some;
  const chat = (user: string, system?: string): Int32Array | undefined => {
    if (template === undefined) return undefined;
    const turns = system === undefined ? [] : [{ role: "system" as const, content: system }];
    try {
      return Int32Array.from(template.encodePrompt([...turns, { role: "user", content: user }]));
    } catch (error) {
      // A template may know no system turn, say.
      if (error instanceof TrimtabError) return undefined;
      throw error;
    }
  };
  const plain = (text: string) => Int32Array.from([...tokenizer.prefix, ...tokenizer.encode(text)]);
  let longest = 1;
  const hasRoom = (ids: Int32Array, tokens: number) => {
    const isFitting = ids.length > 0 && ids.length + tokens <= room;
    if (isFitting) longest = Math.max(longest, ids.length + tokens);
    return isFitting;
  };
  const asked = <T>(all: readonly T[], ids: (one: T) => Int32Array | undefined, { tokens, most, name }: Drawn) => {
    const drawn: Asked<T>[] = [];
    for (const of of shuffled(all, options.seed, name)) {
      if (drawn.length === most) break;
      const found = ids(of);
      if (found !== undefined && hasRoom(found, tokens)) drawn.push({ ids: found, of });
    }
    return drawn;
  };
  const askedFor = (prompt: ProbePrompt) => ("text" in prompt ? prompt.text : prompt.user);
  const known = probes.facts.filter(({ prompt, subject = prompt, answer }) => !trained.states(subject, answer));
  const prompted = (prompt: ProbePrompt) => ("text" in prompt ? plain(prompt.text) : chat(prompt.user, prompt.system));
  const questions = {
    prompts: shuffled(prompts, options.seed, "prompts")
      .filter(({ ids }) => ids.length + maxTokens <= room)
      .slice(0, some)
      .filter(({ ids }) => hasRoom(ids, maxTokens)),
    samples,
    maxTokens,
    pairs: shuffled(pairs, options.seed, "pairs").slice(0, many),
    completions: shuffled(options.completions, options.seed, "completions").slice(0, many),
    instructions: asked(probes.instructions ?? INSTRUCTION_PROMPTS, ({ prompt }) => chat(prompt), {
      ...{ tokens: maxTokens, most: many, name: "instructions" },
    }),
    instructionsFrom: probes.instructions === undefined ? ("built-in" as const) : ("base" as const),
    facts: asked(known, ({ prompt }) => plain(prompt), { tokens: ANSWER_TOKENS.fact, most: many, name: "facts" }),
    tasks: asked(
      probes.tasks.filter(({ user }) => !trained.asks(user)),
      ({ user }) => chat(user),
      { tokens: ANSWER_TOKENS.task, most: many, name: "tasks" },
    ),
    texts: shuffled(probes.texts, options.seed, "texts")
      .map((text) => wholeText([...tokenizer.prefix, ...tokenizer.encode(text), tokenizer.eosId]))
      .filter(({ ids }) => ids.length > 1 && ids.length <= room)
      .slice(0, some),
    styles: probes.styles.map((style) => ({
      style,
      prompts: asked(
        style.prompts.filter((prompt) => !trained.asks(askedFor(prompt))),
        prompted,
        { tokens: ANSWER_TOKENS.style, most: some, name: style.name },
      ).map(({ ids }) => ids),
    })),
  };
  return { ...questions, longest };
}

interface Drawn {
  /** Of the reply. */
  readonly tokens: number;
  readonly most: number;
  /** Of the stream of random numbers. */
  readonly name: string;
}

function shuffled<T>(all: readonly T[], seed: number, name: string): T[] {
  return [...createRandom(seed, "report", name).permutation(all.length)].map((index) => all[index]!);
}

/** Every token but the first follows something, and is labelled. */
function wholeText(ids: readonly number[]): TokenizedExample {
  return { ids: Int32Array.from(ids), labels: Int32Array.from(ids, (id, at) => (at === 0 ? IGNORED_LABEL : id)) };
}
