import type { EditSettings } from "../../shared/api/edit-settings.ts";
import { parseFacts } from "../../shared/data/dataset-kinds/facts.ts";
import { encodeLine } from "../../shared/data/encode-line.ts";
import { parseTrainingFile } from "../../shared/data/training-lines.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { CORPUS_BYTES, CORPUS_FILE, parseCorpus } from "../../shared/evaluation/corpus.ts";
import {
  type EvaluationProbes,
  NO_PROBES,
  PROBES_BYTES,
  PROBES_FILE,
  parseProbes,
} from "../../shared/evaluation/probes.ts";
import type { ChatTemplate } from "../../shared/model/chat-template.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { RecipeJob } from "../recipes/recipe.ts";
import type { StatisticsTexts } from "./base-statistics.ts";
import type { PlacedFact } from "./encode-facts.ts";

/** The facts of the training file. Throws `invalid_file` at the first line that is wrong, and `invalid_dataset` for none. */
export function readFacts({ training }: Pick<RecipeJob, "training">): PlacedFact[] {
  const lines = parseFacts(training.bytes, { name: training.name });
  if (lines.length > 0) return lines.map(({ line, fact }, index) => ({ index, line, fact }));
  throw new TrimtabError("invalid_dataset", `${training.name} has no facts`, { param: "training_file" });
}

/** What the base brings for its own measurement; nothing where it brings none that can be read. */
export function readProbes({ base }: Pick<RecipeJob, "base">): EvaluationProbes {
  const file = base.files.get(PROBES_FILE);
  if (file === undefined || file.byteLength > PROBES_BYTES) return NO_PROBES;
  try {
    return parseProbes(file.subarray(0, file.byteLength));
  } catch {
    return NO_PROBES;
  }
}

/** The texts for the key statistics: those of the job's validation file, else of the base's corpus; undefined if there are none. */
export function statisticsTexts(
  { base, validation }: Pick<RecipeJob<EditSettings>, "base" | "validation">,
  { tokenizer, template, maxLength }: { tokenizer: Tokenizer; template: () => ChatTemplate; maxLength: number },
): StatisticsTexts | undefined {
  if (validation !== null) {
    const texts: Int32Array[] = [];
    for (const { line, example } of parseTrainingFile(validation.bytes, validation)) {
      const encoded = encodeLine([example], { line, tokenizer, template, maxLength });
      if ("examples" in encoded) texts.push(...encoded.examples.flat().map(({ ids }) => ids));
    }
    return { source: "file", texts };
  }
  const file = base.files.get(CORPUS_FILE);
  if (file === undefined || file.byteLength > CORPUS_BYTES) return undefined;
  // The corpus is the base's own: its control tokens are meant.
  const texts = parseCorpus(file.subarray(0, file.byteLength)).map((text) =>
    Int32Array.from(tokenizer.encodeTrusted(text)).subarray(0, maxLength),
  );
  return { source: "corpus", texts };
}
