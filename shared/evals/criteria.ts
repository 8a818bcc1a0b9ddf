/** What an eval tests by: graders, and when each of them counts as passed. */
import { TrimtabError } from "../errors.ts";
import { textsOf } from "../graders/kinds/messages.ts";
import { type PartGrader, partKind } from "../graders/parts.ts";
import { parseTemplate } from "../graders/template.ts";
import type { Schema } from "./schema-keywords.ts";
import { missingPath } from "./template-paths.ts";

export type Criterion = Exclude<PartGrader, { type: "python" }>;

/** How OpenAI names a grader's kind in results. */
export const RESULT_TYPES: Readonly<Record<Criterion["type"], string>> = {
  string_check: "string-check-grader",
  text_similarity: "text-similarity-grader",
  score_model: "score-model-grader",
  label_model: "label-model-grader",
  instructions: "instructions-grader",
};

/** Whether a score passes: at the threshold or above. Without one, a model's score passes from the middle of its range on. */
export function passes(criterion: Criterion, score: number): boolean {
  switch (criterion.type) {
    case "string_check":
    case "label_model":
      return score === 1;
    case "instructions":
    case "text_similarity":
      return score >= (criterion.pass_threshold ?? 1);
    case "score_model": {
      const [low = 0, high = 1] = criterion.range ?? [0, 1];
      return score >= (criterion.pass_threshold ?? (low + high) / 2);
    }
  }
}

/** What there is to fill templates in from. */
export interface TemplateSource {
  /** Of an item; true where anything may be in one. */
  readonly item: Schema;
  readonly hasSample: boolean;
  /** What to do where there is no sample. */
  readonly instead: string;
}

export interface PlacedText {
  readonly text: string;
  /** The request's field. */
  readonly param: string;
}

/**
 * Refuses templates that no item could fill in.
 *
 * @throws TrimtabError invalid_request, naming the template's field and the path in it
 */
export function checkTemplates(texts: readonly PlacedText[], { item, hasSample, instead }: TemplateSource): void {
  for (const { text, param } of texts) {
    for (const part of parseTemplate(text, param)) {
      if (typeof part === "string") continue;
      if (part.namespace === "sample") {
        if (hasSample) continue;
        const message = `\`${param}\` names {{${part.text}}}, and there is no sample. ${instead}.`;
        throw new TrimtabError("invalid_request", message, { param });
      }
      const missing = missingPath(item, part.steps);
      if (missing === undefined) continue;
      const message = `\`${param}\` names {{${part.text}}}, and the item's schema has no ${missing}. Correct the name, or add the field to the schema.`;
      throw new TrimtabError("invalid_request", message, { param });
    }
  }
}

/**
 * Refuses criteria that could grade nothing, for templates that cannot be read and fields that are not there, and two of one name,
 * whose results nobody could tell apart.
 */
export function checkCriteria(criteria: readonly Criterion[], source: TemplateSource): void {
  requireDifferentNames(criteria);
  for (const [index, criterion] of criteria.entries()) {
    const at = `testing_criteria[${index}]`;
    partKind(criterion).check(criterion, at);
    checkTemplates(templatesOf(criterion, at), source);
  }
}

function requireDifferentNames(criteria: readonly Criterion[]): void {
  const firstOf = new Map<string, number>();
  for (const [index, { name }] of criteria.entries()) {
    const first = firstOf.get(name);
    if (first !== undefined) {
      const param = `testing_criteria[${index}].name`;
      const message = `\`${param}\` is the name of \`testing_criteria[${first}]\` too. Results are told apart by name: choose another.`;
      throw new TrimtabError("invalid_request", message, { param });
    }
    firstOf.set(name, index);
  }
}

/** Whether a criterion looks at the sample. */
export function readsSample(criterion: Criterion): boolean {
  return templatesOf(criterion, "").some(({ text, param }) =>
    parseTemplate(text, param).some((part) => typeof part === "object" && part.namespace === "sample"),
  );
}

function templatesOf(criterion: Criterion, at: string): PlacedText[] {
  if (criterion.type === "instructions") {
    const { input, instructions, instruction_id_list, kwargs } = criterion;
    const fields = Object.entries({ input, instructions, instruction_id_list, kwargs });
    return fields.flatMap(([field, text]) => (typeof text === "string" ? [{ text, param: `${at}.${field}` }] : []));
  }
  if ("reference" in criterion) {
    const { input, reference } = criterion;
    return [
      { text: input, param: `${at}.input` },
      { text: reference, param: `${at}.reference` },
    ];
  }
  return textsOf(criterion.input, `${at}.input`).flatMap(({ texts }) => texts);
}
