/** Turns events into answers, whole or as server-sent events: the part that chats and completions share. */
import { errorResponse } from "../../shared/api/errors.ts";
import type { UsageCounts } from "../../shared/api/generate.ts";
import type {
  FinishReason,
  GenerateEvent,
  PromptScore,
  SearchReport,
  SteeringTrace,
  TokenLogprob,
} from "../../shared/decode/events.ts";
import type { GoodEvent } from "../asking/generation.ts";
import { type CallChange, callChange } from "./reply-calls.ts";
import { obfuscated, sseData } from "./sse.ts";

export type TokenScore = TokenLogprob & { readonly top: readonly TokenLogprob[] };

/** What is told of the prompt before a choice's text. */
export interface PromptPart {
  readonly text: string;
  /** null unless requested. */
  readonly scores: readonly PromptScore[] | null;
  /** Characters of all of the prompt's scored tokens before these. */
  readonly offset: number;
}

/** A change that an event makes to a choice. */
export interface ChoiceChange {
  readonly index: number;
  /** Present if the request asks for it. */
  readonly prompt?: PromptPart;
  readonly text: string;
  /** Scores of the tokens in the text; null unless requested. */
  readonly scores: readonly TokenScore[] | null;
  /** Characters (code points) of all scored tokens before these, and of a prompt that is repeated. */
  readonly offset: number;
  /** What steering did to each token; null unless requested. */
  readonly traces: readonly SteeringTrace[] | null;
  /** Pieces of calls; absent if there are none. */
  readonly calls?: readonly CallChange[];
  /** null until the choice ends. */
  readonly finishReason: FinishReason | null;
  /** What a search for the choice did, once it ends. */
  readonly search?: SearchReport;
}

/** A choice is the sum of its changes. */
export type Choice = ChoiceChange;

export interface Answer {
  readonly choices: readonly Choice[];
  readonly usage: UsageCounts;
}

type UsageEvent = Extract<GenerateEvent, { type: "usage" }>;

/** All events as one answer with `count` choices. */
export async function wholeAnswer(events: AsyncIterable<GoodEvent>, count: number): Promise<Answer> {
  const changes = Array.from({ length: count }, () => [] as ChoiceChange[]);
  let usage = usageCounts({ promptTokens: 0, completionTokens: 0, cachedTokens: 0 });
  for await (const step of answerSteps(events)) {
    if ("usage" in step) usage = step.usage;
    else changes[step.index]?.push(step);
  }
  return { choices: changes.map(wholeChoice), usage };
}

/** Gets the whole answer of a stream, without scores and traces, before its end is told to the client. */
export type Keep = (answer: Answer) => Promise<void>;

/** Each event as the change that it makes. */
export async function* answerSteps(
  events: AsyncIterable<GoodEvent>,
  keep?: Keep,
): AsyncGenerator<ChoiceChange | { readonly usage: UsageCounts }, void> {
  const fold = new Fold();
  const kept: ChoiceChange[][] = [];
  for await (const event of events) {
    if (event.type === "usage") {
      const usage = usageCounts(event);
      await keep?.({ choices: kept.map(wholeChoice), usage });
      yield { usage };
      continue;
    }
    for (const change of fold.changes(event)) {
      if (keep !== undefined) {
        kept[change.index] ??= [];
        kept[change.index]!.push(plain(change));
      }
      yield change;
    }
  }
}

/** A choice from all of its changes. */
export function wholeChoice(changes: readonly ChoiceChange[], index: number): Choice {
  const called = changes.flatMap(({ calls = [] }) => calls);
  const scored = changes.flatMap(({ scores }) => (scores === null ? [] : [scores]));
  const traced = changes.flatMap(({ traces }) => (traces === null ? [] : [traces]));
  const told = changes.flatMap(({ prompt }) => (prompt === undefined ? [] : [prompt]));
  return {
    index,
    ...(told.length === 0 ? {} : { prompt: wholePrompt(told) }),
    text: changes.map(({ text }) => text).join(""),
    scores: scored.length === 0 ? null : scored.flat(),
    traces: traced.length === 0 ? null : traced.flat(),
    offset: changes.find(({ scores }) => scores !== null)?.offset ?? 0,
    ...(called.length === 0 ? {} : { calls: called }),
    finishReason: changes.at(-1)?.finishReason ?? null,
    ...searched(changes.at(-1)?.search),
  };
}

/** A change to the text alone: scores and traces are many times as long, and can be asked for again. */
export function plain({ prompt: _, ...change }: ChoiceChange): ChoiceChange {
  return { ...change, scores: null, traces: null };
}

function wholePrompt(parts: readonly PromptPart[]): PromptPart {
  const scored = parts.flatMap(({ scores }) => (scores === null ? [] : [scores]));
  return {
    text: parts.map(({ text }) => text).join(""),
    scores: scored.length === 0 ? null : scored.flat(),
    offset: 0,
  };
}

/** How one API writes the chunks of its stream. */
export interface ChunkFormat {
  /** The first chunk of every choice; absent if nothing precedes the text. */
  readonly opening?: (index: number, first?: ChoiceChange) => unknown;
  /** Whether the first chunk waits for the choice's first change, since it depends on it. */
  readonly opensLate?: boolean;
  readonly change: (change: ChoiceChange) => unknown;
  /** The last chunk; absent unless requested. */
  readonly usage?: (usage: UsageCounts) => unknown;
  /** Whether to hide the lengths of changes. */
  readonly obfuscate?: boolean;
  readonly keep?: Keep | undefined;
}

/** The lines of a stream, up to `[DONE]` or to the error that ends it. Stopping early also stops the events. */
export async function* answerLines(
  events: AsyncGenerator<GoodEvent, void>,
  count: number,
  { opening, opensLate = false, change, usage, obfuscate = false, keep }: ChunkFormat,
): AsyncGenerator<string, void> {
  try {
    const unopened = new Set(Array.from({ length: opening === undefined ? 0 : count }, (_, index) => index));
    if (opening !== undefined && !opensLate) for (const index of unopened) yield sseData(opening(index));
    if (!opensLate) unopened.clear();
    for await (const step of answerSteps(events, keep)) {
      if ("usage" in step) {
        if (usage !== undefined) yield sseData(usage(step.usage));
        continue;
      }
      if (isEmpty(step)) continue;
      if (unopened.delete(step.index)) yield sseData(opening!(step.index, step));
      const chunk = change(step);
      yield sseData(obfuscate ? obfuscated(chunk) : chunk);
    }
    yield "data: [DONE]\n\n";
  } catch (error) {
    yield sseData(errorResponse(error));
  } finally {
    await events.return();
  }
}

/** Whether a change is empty, as it is while a character's bytes are incomplete. */
export function isEmpty({ prompt, text, scores, traces, calls, finishReason }: ChoiceChange): boolean {
  const saysNothing = prompt === undefined && text === "" && scores === null && traces === null;
  return saysNothing && calls === undefined && finishReason === null;
}

/** Scores as both kinds of chat report them. */
export function reportedScores(scores: readonly TokenScore[]) {
  const withBytes = ({ token, logprob, bytes }: TokenLogprob) => ({ token, logprob, bytes: [...bytes] });
  return scores.map(({ top, ...token }) => ({ ...withBytes(token), top_logprobs: top.map(withBytes) }));
}

/** Events as changes; remembers how far each choice's scored tokens reach, and those of its prompt. */
class Fold {
  readonly #offsets = new Map<number, number>();
  readonly #promptOffsets = new Map<number, number>();

  changes(event: Exclude<GoodEvent, UsageEvent>): ChoiceChange[] {
    return event.type === "prompt" ? this.#ofPrompt(event) : [this.#ofText(event)];
  }

  #ofPrompt({ choices, text, ...rest }: Extract<GoodEvent, { type: "prompt" }>): ChoiceChange[] {
    const scores = rest.scores ?? null;
    const characters = (scores ?? []).reduce((sum, { bytes }) => sum + characterStarts(bytes), 0);
    return choices.map((index) => {
      const offset = this.#promptOffsets.get(index) ?? 0;
      const end = (this.#offsets.get(index) ?? 0) + [...text].length;
      this.#promptOffsets.set(index, offset + characters);
      this.#offsets.set(index, end);
      const prompt = { text, scores, offset };
      return { index, prompt, text: "", scores: null, traces: null, offset: end, finishReason: null };
    });
  }

  #ofText(event: Exclude<GoodEvent, UsageEvent | { type: "prompt" }>): ChoiceChange {
    const { choice: index } = event;
    const offset = this.#offsets.get(index) ?? 0;
    const nothing = { index, text: "", scores: null, traces: null, offset };
    if (event.type === "finish") return { ...nothing, finishReason: event.reason, ...searched(event.search) };
    if (event.type !== "token") return { ...nothing, calls: [callChange(event)], finishReason: null };
    const { text, logprobs: scores = null, trace } = event;
    this.#offsets.set(
      index,
      (scores ?? []).reduce((length, { bytes }) => length + characterStarts(bytes), offset),
    );
    return { index, text, scores, traces: trace === undefined ? null : [trace], offset, finishReason: null };
  }
}

function searched(search: SearchReport | undefined): Pick<ChoiceChange, "search"> {
  return search === undefined ? {} : { search };
}

/** The number of characters that begin in these UTF-8 bytes. */
export function characterStarts(bytes: readonly number[]): number {
  return bytes.filter((byte) => !isContinuation(byte)).length;
}

/** Whether a byte continues a character that earlier bytes began. */
export function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

export function usageCounts(used: Omit<UsageEvent, "type">): UsageCounts {
  const { promptTokens, completionTokens, cachedTokens, steeringTokens } = used;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    ...(steeringTokens === undefined ? {} : { steering_tokens: steeringTokens }),
  };
}
