/** What a job's validation file has in common with its training file: a loss on lines that were trained on says little. */
import { Copies, type CopiesFound, OVERLAP_KINDS, type OverlapKind } from "../../shared/data/inspect/copies.ts";
import { lineTexts } from "../../shared/data/inspect/line-texts.ts";
import type { UnitLine } from "../data/examples.ts";
import type { Metrics, RecipeContext } from "./recipe.ts";

export interface ComparedFile {
  readonly name: string;
  readonly lines: () => Iterable<UnitLine>;
}

const SIMILARITY = 0.7;
/** Of a trainer's memory, which holds the tokens of both files too; what comes later is compared for exact copies alone. */
const MOST_BYTES = 256 * (1 << 20);
const NAMED_LINES = 5;
const CHARACTERS_BETWEEN_YIELDS = 1_000_000;

const SAYS: Readonly<Record<OverlapKind, string>> = {
  exact: "the same as",
  near: "nearly the same as",
  ngrams: "with a run of 13 words of",
  prompt: "with the prompt, and another reply, of",
};

/**
 * Compares the files, each to train on with all to measure, and warns of what they share, by line. The job goes on.
 *
 * @returns how many lines of each overlap; nothing where none do
 */
export async function findFileOverlap(
  {
    training,
    validation,
  }: { readonly training: readonly ComparedFile[]; readonly validation: readonly ComparedFile[] },
  { event, yieldToEventLoop }: Pick<RecipeContext, "event" | "yieldToEventLoop">,
): Promise<Metrics> {
  let characters = 0;
  async function* read({ lines }: ComparedFile) {
    for (const { line, examples } of lines()) {
      const texts = lineTexts(line, examples);
      yield texts;
      characters += texts.content.length;
      if (characters < CHARACTERS_BETWEEN_YIELDS) continue;
      characters = 0;
      await yieldToEventLoop();
    }
  }
  let trained = 0;
  const measured = new Set<string>();
  for (const file of training) {
    const copies = new Copies({ similarity: SIMILARITY, maxBytes: MOST_BYTES });
    for (const [at, other] of validation.entries()) {
      for await (const texts of read(other)) copies.addHeldOut(at, texts);
    }
    for await (const texts of read(file)) copies.add(texts);
    const found = await copies.find(yieldToEventLoop);
    trained += found.overlaps.length;
    for (const [at, other] of validation.entries()) {
      const overlaps = found.overlaps.filter((overlap) => overlap.file === at);
      if (overlaps.length === 0) continue;
      const lines = new Set(overlaps.map(({ other_line }) => other_line));
      for (const line of lines) measured.add(`${at}:${line}`);
      event({
        level: "warn",
        type: "message",
        message: warning({ overlaps, complete: found.complete }, [file.name, other.name]),
        data: {
          file: "validation_file",
          overlapping_training_lines: overlaps.length,
          overlapping_validation_lines: lines.size,
        },
      });
    }
  }
  if (trained === 0) return {};
  return { overlapping_training_lines: trained, overlapping_validation_lines: measured.size };
}

function warning(
  { overlaps, complete }: Pick<CopiesFound, "overlaps" | "complete">,
  [training, validation]: readonly [string, string],
): string {
  const parts = OVERLAP_KINDS.flatMap((kind) => {
    const lines = overlaps.filter((overlap) => overlap.kind === kind);
    if (lines.length === 0) return [];
    const named = lines.slice(0, NAMED_LINES).map(({ line, other_line }) => `${line} (${other_line})`);
    const more = lines.length > NAMED_LINES ? ", …" : "";
    return [`${lines.length} ${SAYS[kind]} a line of ${validation}: ${named.join(", ")}${more}`];
  });
  const all = complete ? "" : "\nThe files are too large to compare all of their lines for near copies";
  const what = `${validation} overlaps with ${training}, so a loss on it flatters the result; take the lines out of one of them`;
  return `${what}. Lines of ${training}, with those of ${validation} in brackets:\n${parts.join("\n")}${all}`;
}
