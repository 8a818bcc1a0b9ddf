/**
 * Trains the embedded base model's tokenizer and writes it to the model folder:
 *
 *     node infra/base/tokenizer/make.ts
 *
 * The weights depend on this vocabulary: after any change to it the model must be retrained.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { CHAT_TEMPLATE, END_OF_TEXT, SPECIAL_TOKENS, TURN_END } from "../corpus/document.ts";
import { renderDocument, takeDocuments } from "../corpus/index.ts";
import { tokenizerConfigJson, tokenizerJson, trainBpe } from "./train-bpe.ts";

const SEED = 2048;
const CHARACTERS = 4_000_000;
const VOCABULARY_SIZE = 2048;

const texts = takeDocuments(SEED, CHARACTERS).map((document) => {
  const text = renderDocument(document);
  // Special tokens are never merged with their surroundings.
  return SPECIAL_TOKENS.reduce((remaining, token) => remaining.replaceAll(token, "\n"), text);
});
const trained = trainBpe(texts, { size: VOCABULARY_SIZE, specialTokens: SPECIAL_TOKENS });
const config = tokenizerConfigJson({
  specialTokens: SPECIAL_TOKENS,
  endOfText: END_OF_TEXT,
  endOfTurn: TURN_END,
  chatTemplate: CHAT_TEMPLATE,
  maxLength: 512,
});

const folder = new URL("../model/", import.meta.url);
await mkdir(folder, { recursive: true });
const write = (name: string, value: object): Promise<void> =>
  writeFile(new URL(name, folder), `${JSON.stringify(value, null, 1)}\n`);
await write("tokenizer.json", tokenizerJson(trained, SPECIAL_TOKENS));
await write("tokenizer_config.json", config);
console.log(`${trained.vocabulary.size} tokens, ${trained.merges.length} merges`);
