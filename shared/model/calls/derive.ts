/**
 * Finds out how a chat template writes tool calls, from what it renders.
 */
import { messageOf, TrimtabError } from "../../errors.ts";
import type { ChatMessage } from "../chat-message.ts";
import type { ChatTemplate } from "../chat-template.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { CallProblem, callTurn, type Place, PROBE_TOOLS, PROBES, placesOf, QUESTION, TEXT, THOUGHT } from "./probes.ts";
import { type CallIds, type CallPart, type CallSyntax, type CallsAfterText, SHORT_ID } from "./syntax.ts";

export type CallSyntaxResult = { readonly syntax: CallSyntax } | { readonly problem: string };

/**
 * Renders conversations with one call, several, and a call after a text, and compares them. The result is the syntax, or why
 * there is none, as the end of a sentence that begins with "its chat template".
 */
export function deriveCallSyntax(template: ChatTemplate, tokenizer: Tokenizer): CallSyntaxResult {
  if (!template.takesTools) return { problem: "does not show tools to the model" };
  try {
    return { syntax: derive(template, tokenizer) };
  } catch (error) {
    if (error instanceof CallProblem) return { problem: error.message };
    if (error instanceof TrimtabError) {
      const isSilent = error.code === "unsupported_parameter";
      return { problem: isSilent ? new CallProblem().message : `fails on a sample call: ${messageOf(error)}` };
    }
    throw error;
  }
}

function derive(template: ChatTemplate, tokenizer: Tokenizer): CallSyntax {
  const render = (turns: readonly ChatMessage[], addGenerationPrompt = false) =>
    template.render([QUESTION, ...turns], { tools: PROBE_TOOLS, addGenerationPrompt });
  const attempt = (turns: readonly ChatMessage[]) => attempted(() => render(turns));
  const [first, second, third] = PROBES as [(typeof PROBES)[0], (typeof PROBES)[0], (typeof PROBES)[0]];

  const ids = idsOf((form) => attempt([callTurn("", [first], form)]));
  const prompt = render([], true);
  const called = render([callTurn("", [first], ids)]);
  const thinking = thoughtOf(prompt);
  const common = commonLength(prompt, called);
  // A prompt may begin a thought that turns of the past do not have; apart from that, the call continues the prompt.
  const shared = common < prompt.length ? (thinking?.start ?? prompt.length) : common;
  if (common < shared) throw new CallProblem("writes a call differently from where it lets the model begin");
  const reply = called.slice(shared);
  const places = placesOf(reply, first);
  const beginning = reply.slice(0, places[0]!.start);
  const thought =
    attempt([{ ...callTurn("", [first], ids), reasoning_content: THOUGHT, tool_plan: THOUGHT }])?.slice(shared) ?? "";
  const preamble =
    emptyThought(thought, beginning, tokenizer) ||
    preambleOf(attempt([{ role: "assistant", content: TEXT }]), prompt.slice(0, shared), beginning);
  const open = beginning.slice(preamble.length);
  if (open === "" && places[0]!.slot === "name") {
    throw new CallProblem("writes nothing before the name of a call, so that a call looks like text");
  }
  const { stopIds } = template;
  const call = partsOf(reply, places);
  const close = untilStop(reply.slice(places.at(-1)!.end), stopIds, tokenizer);

  const several = attempt([callTurn("", [first, second, third], ids)])?.slice(shared);
  const between = several === undefined ? undefined : betweenOf(several, { open: preamble + open, call, close });
  const stops = (text: string) =>
    tokenizer.splitControl(text).some(({ id }) => id !== undefined && stopIds.includes(id));
  const after = attempt([callTurn(TEXT, [first], ids)])?.slice(shared) ?? "";
  return {
    open,
    call,
    between: between === undefined || stops(between) ? undefined : between,
    close,
    afterText: afterText(after, open, tokenizer),
    preamble,
    thoughtEnd: thinking?.end,
    ids,
  };
}

function attempted<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    if (error instanceof TrimtabError) return undefined;
    throw error;
  }
}

/** `short` where only ids of nine letters and digits render. */
function idsOf(render: (form: CallIds) => string | undefined): CallIds {
  return render("any") === undefined && render("short") !== undefined ? "short" : "any";
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** Where a prompt begins a thought, if it ends so, and what will end it: `</think>` for `<think>`. */
function thoughtOf(prompt: string): { readonly start: number; readonly end: string } | undefined {
  const tag = /(?:<([a-zA-Z_][\w:-]*)>|\[([A-Z_]*(?:THINK|REASON)[A-Z_]*)\])\s*$/.exec(prompt);
  if (tag === null) return undefined;
  return { start: tag.index, end: tag[1] === undefined ? `[/${tag[2]}]` : `</${tag[1]}>` };
}

/** What a reply begins with whether it is a text or a call. */
function preambleOf(text: string | undefined, prompt: string, reply: string): string {
  if (!text?.startsWith(prompt)) return "";
  const at = text.indexOf(TEXT, prompt.length);
  const before = at < 0 ? "" : text.slice(prompt.length, at);
  return reply.startsWith(before) ? before : "";
}

/** The beginning of a reply with an empty thought, which has the thought of another reply between its brackets. */
function emptyThought(thought: string, beginning: string, tokenizer: Tokenizer): string {
  const at = thought.indexOf(THOUGHT);
  if (at < 0) return "";
  const after = thought.slice(at + THOUGHT.length);
  const closing = triggerOf(after.trimStart(), tokenizer);
  const end = closing === undefined ? -1 : beginning.indexOf(closing);
  if (closing === undefined || end < 0 || !beginning.startsWith(thought.slice(0, at).trimEnd())) return "";
  const rest = beginning.slice(end + closing.length);
  return beginning.slice(0, beginning.length - rest.trimStart().length);
}

function partsOf(text: string, places: readonly Place[]): CallPart[] {
  return places.flatMap(({ slot, start, end }, index) => {
    const before = places[index - 1];
    const part = slot === "id" ? { slot, isShort: end - start === SHORT_ID } : { slot };
    return before === undefined ? [part] : [{ text: text.slice(before.end, start) }, part];
  });
}

interface OneCall {
  readonly open: string;
  readonly call: readonly CallPart[];
  readonly close: string;
}

/** The text between calls if three of them are written as one is, with the same text between each two. */
function betweenOf(text: string, { open, call, close }: OneCall): string | undefined {
  let places: Place[][];
  try {
    places = PROBES.map((probe) => placesOf(text, probe));
  } catch (error) {
    if (error instanceof CallProblem) return undefined;
    throw error;
  }
  const between = (index: number) => text.slice(places[index]!.at(-1)!.end, places[index + 1]![0]!.start);
  const isSame =
    text.slice(0, places[0]![0]!.start) === open &&
    places.every((own) => JSON.stringify(partsOf(text, own)) === JSON.stringify(call)) &&
    text.slice(places.at(-1)!.at(-1)!.end).startsWith(close) &&
    between(0) === between(1);
  return isSame ? between(0) : undefined;
}

/** A text up to the first token at which generation stops, or without the white space at its end. */
function untilStop(text: string, stopIds: readonly number[], tokenizer: Tokenizer): string {
  const stop = tokenizer.splitControl(text).find(({ id }) => id !== undefined && stopIds.includes(id));
  return stop === undefined ? text.trimEnd() : text.slice(0, stop.start);
}

/**
 * How calls follow a text. A template may leave the text out, or the white space between, and the model still write them, so
 * what counts is that the call is told from text.
 */
function afterText(text: string, open: string, tokenizer: Tokenizer): CallsAfterText | undefined {
  const bare = open.trimStart();
  const trigger = triggerOf(bare, tokenizer);
  if (trigger === undefined) return undefined;
  const from = text.indexOf(TEXT) + TEXT.length;
  const to = text.indexOf(bare, from);
  const gap = from < TEXT.length || to < 0 ? "" : text.slice(from, to);
  return { gap: gap.trim() === "" ? gap : "", open: bare, trigger };
}

/** A control token, or a word in brackets that no text is likely to have; undefined where a text may begin like a call. */
function triggerOf(open: string, tokenizer: Tokenizer): string | undefined {
  const [first] = tokenizer.splitControl(open);
  if (first?.id !== undefined) return first.text;
  return /^(?:<[^<>\s]+>|\[[A-Z_]{3,}\])/.exec(open)?.[0];
}
