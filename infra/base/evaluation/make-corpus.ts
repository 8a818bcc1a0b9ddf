/**
 * Writes the embedded base's `corpus.jsonl`, from which edits take the statistics of its keys.
 *
 *     node infra/base/evaluation/make-corpus.ts
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CORPUS_FILE, corpusText } from "../../../shared/evaluation/corpus.ts";
import { embeddedCorpus } from "./corpus.ts";

writeFileSync(fileURLToPath(new URL(`../model/${CORPUS_FILE}`, import.meta.url)), corpusText(embeddedCorpus()));
