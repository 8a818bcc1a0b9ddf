import { readFileSync } from "node:fs";
import { loadTokenizer } from "../../../shared/model/tokenizer.ts";
import type { Random } from "../../../shared/random.ts";
import type { CompiledRule, RuleState } from "../../../shared/rules/rule.ts";
import { createVocabulary, hasBit, type RuleVocabulary, vocabularyOf } from "../../../shared/rules/vocabulary.ts";

const folder = new URL("../../../infra/base/model/", import.meta.url);
const json = (name: string) => JSON.parse(readFileSync(new URL(name, folder), "utf8")) as unknown;

/** The embedded base's tokenizer: 2,048 byte-level tokens. */
export const baseTokenizer = loadTokenizer(json("tokenizer.json"), json("tokenizer_config.json"));
export const baseVocabulary = vocabularyOf(baseTokenizer, [baseTokenizer.eosId]);

const END = 256;

/** Every byte as a token, and one token that ends the text. */
export const byteVocabulary = wordVocabulary([]);

/** Every byte, token 256 for the end, and these texts as tokens from 257 on. */
export function wordVocabulary(words: readonly string[]): RuleVocabulary {
  const utf8 = new TextEncoder();
  return createVocabulary({
    size: END + 1 + words.length,
    bytesOf: (token) => (token < END ? Uint8Array.of(token) : utf8.encode(words[token - END - 1])),
    control: new Map([["<end>", END]]),
    endTokens: [END],
  });
}

/** Whether a text is one of the rule's, token by token: each must be in the mask, and in the end an end token. */
export function follows(rule: CompiledRule, tokens: readonly number[]): boolean {
  const state = rule.start();
  for (const token of tokens) {
    const isAllowed = hasBit(state.mask(), token);
    if (state.accept(token) !== isAllowed) throw new Error(`the mask and accept differ about token ${token}`);
    if (!isAllowed) return false;
  }
  const [end] = rule.vocabulary.endTokens;
  if (state.canEnd !== hasBit(state.mask(), end!)) throw new Error("the mask and canEnd differ");
  return state.canEnd;
}

/** The same without looking at masks: a vocabulary's single bytes. */
export function acceptsBytes(rule: CompiledRule, text: string): boolean {
  const state = rule.start();
  for (const byte of new TextEncoder().encode(text)) if (!state.accept(byte)) return false;
  return state.canEnd;
}

export function allowed(state: RuleState, size: number, left?: number): number[] {
  const mask = state.mask(left);
  return Array.from({ length: size }, (_, token) => token).filter((token) => hasBit(mask, token));
}

/** Splits the bytes of a text into tokens of the vocabulary at random. */
export function randomTokens(text: string, vocabulary: RuleVocabulary, random: Random): number[] {
  const bytes = new TextEncoder().encode(text);
  const { byte, end, first, tokens } = vocabulary.tree;
  const found: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const options: { readonly token: number; readonly length: number }[] = [];
    let node = 0;
    for (let length = 1; at + length <= bytes.length; length++) {
      let child = node + 1;
      while (child < end[node]! && byte[child] !== bytes[at + length - 1]) child = end[child]!;
      if (child >= end[node]!) break;
      node = child;
      for (let i = first[node]!; i < first[node + 1]!; i++) options.push({ token: tokens[i]!, length });
    }
    const { token, length } = options[random.below(options.length)]!;
    found.push(token);
    at += length;
  }
  return found;
}

/**
 * Walks at random until the text ends or `most` tokens are out, and then, towards its end, along the shortest of a few tries.
 * Gives the text's bytes, or undefined if it did not end.
 */
export function randomText(rule: CompiledRule, random: Random, most = 400): string | undefined {
  const { vocabulary } = rule;
  const state = rule.start();
  const bytes: number[] = [];
  for (let count = 0; count < most; count++) {
    const options = allowed(state, vocabulary.size);
    if (options.length === 0) throw new Error("dead end");
    const isEnding = state.canEnd && random.float() < 0.3;
    // Quotes and brackets end what long texts are inside of.
    const closing = options.filter((token) => /^[\]}"]$/.test(textOf(vocabulary, token)));
    const few = closing.length > 0 && random.float() < 0.25 ? closing : options;
    const token = isEnding ? vocabulary.endTokens[0]! : few[random.below(few.length)]!;
    if (!state.accept(token)) throw new Error(`the mask allowed token ${token}, and accept did not`);
    if (state.ended) return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(bytes));
    bytes.push(...(vocabulary.bytesOf(token) ?? []));
  }
  return undefined;
}

function textOf(vocabulary: RuleVocabulary, token: number): string {
  return String.fromCharCode(...(vocabulary.bytesOf(token) ?? []));
}
