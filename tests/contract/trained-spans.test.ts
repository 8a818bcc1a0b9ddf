/**
 * What is trained is what is served: for every template shape, tokenizer and conversation, each trained span stands behind
 * exactly the ids that serving encodes for the messages before it, as transformers encodes them too, and reads as what the
 * model has to write, its end included.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ChatMessage } from "../../shared/model/chat-message.ts";
import {
  type ChatTemplate,
  type EncodedChat,
  type Finding,
  loadChatTemplate,
} from "../../shared/model/chat-template.ts";
import { loadTokenizer, type Tokenizer } from "../../shared/model/tokenizer.ts";

const hub = new URL("../golden/tokenizer/hub/", import.meta.url);
// biome-ignore lint/suspicious/noExplicitAny: golden files are read as they are
const json = (path: string): any => JSON.parse(readFileSync(new URL(path, hub), "utf8"));

interface Golden {
  extraTokens: string[];
  shapes: Record<string, { source: string; end: string }>;
  conversations: Record<string, { messages: ChatMessage[]; tools?: unknown[] }>;
  prompts: Record<string, (string | null)[]>;
  masks: Record<string, [digest: string, runs: [number, number][]]>;
}
const golden: Golden = json("served-prompts.json");
const KINDS = ["gpt2-like", "llama3-like", "llama2-like", "metaspace"];

function load(kind: string): Tokenizer {
  const folder = kind === "metaspace" ? "llama2-like" : kind;
  const file = json(`${folder}/tokenizer.json`);
  if (kind === "metaspace") {
    file.normalizer = null;
    file.pre_tokenizer = { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false };
  }
  const known = new Set(file.added_tokens.map(({ content }: { content: string }) => content));
  let size =
    1 + Math.max(...Object.values<number>(file.model.vocab), ...file.added_tokens.map((t: { id: number }) => t.id));
  for (const content of golden.extraTokens) {
    if (!known.has(content)) file.added_tokens.push({ id: size++, content, special: true });
  }
  return loadTokenizer(file, json(`${folder}/tokenizer_config.json`));
}

const digest = (ids: readonly number[]) => createHash("sha256").update(ids.join(",")).digest("hex").slice(0, 12);
const isTarget = ({ role, weight }: ChatMessage) => role === "assistant" && weight !== 0;

/** The runs [start, end) of trained tokens, with cuts at `bounds`. */
function runsOf({ labels }: EncodedChat, bounds: ReadonlySet<number> = new Set()): [number, number][] {
  const runs: [number, number][] = [];
  for (const [at, label] of labels.entries()) {
    if (label === -100) continue;
    if (runs.at(-1)?.[1] === at && !bounds.has(at)) runs.at(-1)![1] = at + 1;
    else runs.push([at, at + 1]);
  }
  return runs;
}

interface Outcome {
  readonly key: string;
  readonly shape: string;
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate;
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly unknown[] | undefined;
  readonly sequences: readonly EncodedChat[];
  readonly notServed: ReadonlySet<number>;
  readonly findings: readonly Finding[];
}

function* outcomes(shape: string, source = golden.shapes[shape]!.source): Generator<Outcome> {
  for (const kind of KINDS) {
    const tokenizer = load(kind);
    const template = loadChatTemplate(tokenizer, { source });
    for (const [name, { messages, tools: offered }] of Object.entries(golden.conversations)) {
      const tools = template.takesTools ? offered : undefined;
      if (messages.some((m) => m.tool_calls !== undefined) && !source.includes("tool_calls")) continue;
      const about = { key: `${shape}|${kind}|${name}`, shape, tokenizer, template, messages, tools };
      let encoded: ReturnType<ChatTemplate["encodeTraining"]>;
      try {
        encoded = template.encodeTraining(messages, { tools });
      } catch (error) {
        // Templates reject some conversations, and some need a token that a tokenizer lacks.
        expect(String(error)).toMatch(/rejects the messages|'bos_token' is undefined/);
        continue;
      }
      const notServed = new Set(encoded.findings.filter((f) => f.kind === "not_served").map((f) => f.message));
      yield { ...about, ...encoded, notServed };
    }
  }
}

interface Span {
  /** The index of the message. */
  readonly message: number;
  /** What serving encodes for the messages before it. */
  readonly served: readonly number[];
  /** The ids before the span, and its text. */
  readonly before: readonly number[];
  readonly reply: string;
}

/** The trained spans, one for each trained turn; undefined if there are more or fewer. */
function spansOf(outcome: Outcome): Span[] | undefined {
  const { tokenizer, template, messages, tools, sequences, notServed } = outcome;
  const targets = messages.flatMap((m, k) => (isTarget(m) && !notServed.has(k) ? [k] : []));
  const prompts = targets.map((k) => template.encodePrompt(messages.slice(0, k), { tools }));
  const found = sequences.flatMap((sequence) => {
    // Replies that follow one another directly make one run of labels.
    const begun = prompts.filter((prompt) => prompt.every((id, at) => id === sequence.ids[at]));
    return runsOf(sequence, new Set(begun.map(({ length }) => length))).map((run) => ({ sequence, run }));
  });
  if (found.length !== targets.length) return undefined;
  return found.map(({ sequence: { ids }, run: [start, end] }, index) => ({
    message: targets[index]!,
    served: prompts[index]!,
    before: ids.slice(0, start),
    reply: readBehind(tokenizer, ids.slice(0, start), ids.slice(start, end)),
  }));
}

/** What of a reply's content a shape shows behind its prompt. */
function shownContent(shape: string, content: string): string {
  if (shape === "think_cut" || shape === "think_in_prompt") return content.replace(/^<think>\n/, "");
  return shape === "think_cut_from_all" ? content.split("</think>").at(-1)! : content;
}

describe.each(Object.keys(golden.shapes))("%s", (shape) => {
  const { end } = golden.shapes[shape]!;

  test("every trained span stands behind what is served, and reads as what is to be written", () => {
    const wrong: unknown[] = [];
    let checked = 0;
    for (const outcome of outcomes(shape)) {
      const { key, tokenizer, messages, sequences } = outcome;
      const turns = messages.flatMap((message, index) => (message.role === "assistant" ? [index] : []));
      const moved = new Set(outcome.findings.filter(({ kind }) => kind === "aligned").map((f) => f.message));
      // As the tokenizer reads its own ids: SentencePiece puts a space behind a control token.
      const rendered = (message: number) => {
        const text = outcome.template.render(messages.slice(0, message + 1), { tools: outcome.tools });
        return tokenizer.decode(tokenizer.encodeTrusted(text));
      };
      const written = (before: readonly number[], reply: string, endText: string) =>
        tokenizer.decode(before) + (shape === "nothing_ends_a_turn" ? reply.slice(0, -endText.length) : reply);
      const spans = spansOf(outcome);
      if (spans === undefined) wrong.push([key, "spans", sequences.map((sequence) => runsOf(sequence))]);
      for (const { message, served, before, reply } of spans ?? []) {
        const { content, tool_calls: calls } = messages[message]! as ChatMessage & { tool_calls?: unknown[] };
        const reference = golden.prompts[key]![turns.indexOf(message)]!;
        const closing = calls === undefined || !shape.startsWith("channels") ? end : "<|call|>";
        const endText = closing === "eos" ? tokenizer.tokenOf(tokenizer.eosId)! : closing;
        const shown = shownContent(shape, content).trim();
        // Of a thought, this shape keeps the text but not the white space around it.
        const holds = shape === "qwen3_think" ? shown.split(/\s*<\/?think>\s*/) : [shown];
        const checks = {
          "ids before": String(before) === String(served),
          "as transformers": reference === null || digest(served) === reference,
          // Where each call closes with the token, there are as many of them.
          "ends once, at its end":
            reply.endsWith(endText) && reply.split(endText).length === 1 + (closing === "<|call|>" ? calls!.length : 1),
          content: holds.every((part) => reply.includes(part)),
          "as rendered": moved.has(message) || rendered(message).startsWith(written(before, reply, endText)),
          calls: (reply.match(/weather/g)?.length ?? 0) === (calls?.length ?? 0),
        };
        const failed = Object.entries(checks).flatMap(([what, held]) => (held ? [] : [what]));
        if (failed.length > 0) wrong.push([key, message, failed, reply]);
        checked++;
      }
      for (const { ids, labels } of sequences) {
        if (!labels.every((label, at) => label === -100 || label === ids[at])) wrong.push([key, "labels"]);
      }
    }
    expect(wrong).toEqual([]);
    expect(checked).toBeGreaterThan(20);
  });
});

test("published templates: every trained span stands behind what is served, and ends where serving stops", () => {
  const { templates }: { templates: Record<string, string> } = json("chat-templates.json");
  const wrong: unknown[] = [];
  let checked = 0;
  for (const [name, source] of Object.entries(templates)) {
    for (const outcome of outcomes(name, source)) {
      const { key, template, sequences } = outcome;
      const spans = spansOf(outcome);
      if (spans === undefined) wrong.push([key, "spans"]);
      for (const { message, served, before } of spans ?? []) {
        if (String(before) !== String(served)) wrong.push([key, message, before.length, served.length]);
        checked++;
      }
      for (const sequence of sequences) {
        for (const [, end] of runsOf(sequence)) {
          if (!template.stopIds.includes(sequence.ids[end - 1]!)) wrong.push([key, "end", end]);
        }
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(checked).toBeGreaterThan(300);
});

/** What ids say after a prompt: a decoder may treat the beginning of a text in its own way. */
function readBehind(tokenizer: Tokenizer, prompt: readonly number[], ids: readonly number[]): string {
  const before = tokenizer.decode(prompt);
  const both = tokenizer.decode([...prompt, ...ids]);
  expect(both.startsWith(before)).toBe(true);
  return both.slice(before.length);
}

test("generation blocks give transformers' assistant mask", () => {
  let compared = 0;
  for (const shape of ["generation_block", "generation_block_dashes"]) {
    for (const { key, sequences, messages, notServed } of outcomes(shape)) {
      const [ids, runs] = golden.masks[key] ?? ["", []];
      const trained = sequences.flatMap((sequence) => runsOf(sequence));
      if (sequences.length !== 1 || notServed.size > 0 || digest(sequences[0]!.ids) !== ids) continue;
      // transformers knows no weights.
      if (messages.every(({ weight }) => weight === undefined)) {
        expect.soft([key, trained]).toEqual([key, runs]);
        compared++;
      }
    }
  }
  expect(compared).toBeGreaterThan(40);
});

test("how many turns hold, and what is said of the others", () => {
  const total: Record<string, number> = {};
  const count = (what: string, by = 1) => {
    total[what] = (total[what] ?? 0) + by;
  };
  for (const shape of Object.keys(golden.shapes)) {
    for (const { messages, sequences, findings } of outcomes(shape)) {
      count("conversations");
      count("turns", messages.filter(isTarget).length);
      count("sequences", sequences.length);
      if (sequences.length > 1) count("split");
      for (const { kind } of findings) count(kind);
    }
  }
  expect(total).toMatchInlineSnapshot(`
    {
      "aligned": 383,
      "conversations": 1510,
      "cut": 12,
      "header": 96,
      "not_served": 15,
      "sequences": 1897,
      "split": 349,
      "turns": 2729,
    }
  `);
});
