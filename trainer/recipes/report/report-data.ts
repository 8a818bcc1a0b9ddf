/** What a report reads of a job's files: prompts, with their lines, and pairs. */
import type { TrainingSettings } from "../../../shared/api/methods.ts";
import { encodeLine } from "../../../shared/data/encode-line.ts";
import type { Example } from "../../../shared/data/example.ts";
import { parseJsonl } from "../../../shared/formats/jsonl.ts";
import { type ChatTemplate, IGNORED_LABEL, loadChatTemplate } from "../../../shared/model/chat-template.ts";
import type { Tokenizer } from "../../../shared/model/tokenizer.ts";
import type { ReportCompletion, ReportPair, ReportPrompt } from "../../report/questions.ts";
import type { Objective } from "../objective.ts";
import type { PreparedRun } from "../prepare-run.ts";
import type { Dataset, RecipeJob } from "../recipe.ts";

export interface ReportData {
  /** Each prompt once, with the first line that has it. */
  readonly prompts: readonly ReportPrompt[];
  /** Empty unless the lines are pairs. */
  readonly pairs: readonly ReportPair[];
  /** Empty unless the lines are single completions with labels. */
  readonly completions: readonly ReportCompletion[];
}

export type LineContents = "pairs" | "completions" | "prompts" | "none";

export interface ReportDataOptions<S extends TrainingSettings> {
  readonly objective: Pick<Objective<S>, "lines">;
  readonly job: RecipeJob<S>;
  readonly run: Pick<PreparedRun, "tokenizer" | "maxLength">;
  readonly dataset: Dataset;
  readonly lines: LineContents;
}

/** Lines that are read: many times what is asked, from a file that may have millions. */
const MOST_LINES = 4_096;

/** The model's chat template; undefined for one that has none that can be used. */
export function templateOf(tokenizer: Tokenizer, createdAt: number): ChatTemplate | undefined {
  if (tokenizer.chatTemplate === undefined) return undefined;
  return loadChatTemplate(tokenizer, { clock: () => new Date(createdAt * 1000) });
}

export function readReportData<S extends TrainingSettings>(options: ReportDataOptions<S>): ReportData {
  const { objective, job, run, dataset } = options;
  const { tokenizer, maxLength } = run;
  let template: ChatTemplate | undefined;
  const items = new Map<number, Readonly<Record<string, unknown>>>();
  for (const { number, value } of parseJsonl(dataset.bytes, { name: dataset.name })) {
    if (items.size === MOST_LINES) break;
    if (typeof value === "object" && value !== null) items.set(number, value as Record<string, unknown>);
  }
  const prompts = new Map<string, ReportPrompt>();
  const pairs: ReportPair[] = [];
  const completions: ReportCompletion[] = [];
  let count = 0;
  for (const { line, examples, columns } of objective.lines(dataset, job.settings)) {
    if (count++ === MOST_LINES) break;
    const read = encodeLine(examples, {
      ...{ line, tokenizer, maxLength, prompts: options.lines === "prompts", single: true },
      template: () => (template ??= loadChatTemplate(tokenizer, { clock: () => new Date(job.createdAt * 1000) })),
    });
    if ("reason" in read) continue;
    const sequences = read.examples.map(([sequence]) => sequence!);
    const [first] = sequences;
    const ids = promptOf(first!);
    const key = ids.join(" ");
    if (ids.length > 0 && !prompts.has(key)) {
      prompts.set(key, { ids, text: shownPrompt(examples[0]!), item: items.get(line) ?? {} });
    }
    const desirable = columns?.desirable;
    if (options.lines === "completions" && desirable !== undefined) {
      completions.push({ example: first!, desirable: desirable === 1 });
    }
    if (options.lines === "pairs" && sequences.length === 2) pairs.push({ chosen: first!, rejected: sequences[1]! });
  }
  return { prompts: [...prompts.values()], pairs, completions };
}

/** What stands before the first token that is trained on; all of a text without any. */
function promptOf({ ids, labels }: { readonly ids: Int32Array; readonly labels: Int32Array }): Int32Array {
  const end = labels.findIndex((label) => label !== IGNORED_LABEL);
  return ids.slice(0, end < 0 ? undefined : end);
}

/** The prompt for people: a text, or the turns before the last of the assistant. */
function shownPrompt(example: Example): string {
  if (example.kind === "completion") return example.prompt;
  if (example.kind === "led") return example.text;
  const { messages } = example;
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  const turns = last === messages.length - 1 ? messages.slice(0, last) : messages;
  return turns.length === 1 ? turns[0]!.content : turns.map(({ role, content }) => `${role}: ${content}`).join("\n");
}
