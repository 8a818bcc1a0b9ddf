/** An inspection as text for a terminal. */
import type { InspectionFigures } from "../../../shared/api/datasets.ts";
import { PII_KINDS } from "../../../shared/data/inspect/pii/registry.ts";
import { ROLE_PROBLEMS } from "../../../shared/data/inspect/roles.ts";
import { table } from "../table.ts";

type Place = { readonly line: number; readonly file?: string | undefined };
type Lengths = NonNullable<InspectionFigures["characters"]["prompts"]>;

const BAR = 40;
/** Findings of each kind that are printed; `--json` has all that were asked for. */
const SHOWN = 5;

export function shownInspection(report: InspectionFigures): string {
  const parts = [
    overview(report),
    tokens(report),
    duplicates(report),
    ...report.contamination.map(contamination),
    roles(report),
    refusals(report),
    personalData(report),
    languages(report),
    diversity(report),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

const count = (value: number, one: string, many = `${one}s`) =>
  `${value.toLocaleString("en")} ${value === 1 ? one : many}`;
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const number = (value: number | null, digits = 2) => (value === null ? "–" : value.toFixed(digits));
const at = ({ line, file }: Place) => (file === undefined ? `${line}` : `${file}:${line}`);
const list = (title: string, lines: readonly string[], all: number) =>
  [
    title,
    ...lines.slice(0, SHOWN).map((line) => `  ${line}`),
    ...(all > Math.min(SHOWN, lines.length) ? ["  …"] : []),
  ].join("\n");

function overview({ lines, examples, layouts, characters, negative }: InspectionFigures): string {
  const written = Object.entries(layouts).map(([name, of]) => `${name} ${of.toLocaleString("en")}`);
  const wrong = Object.entries(negative).filter(([, of]) => of > 0);
  return [
    `${count(lines, "line")}, ${count(examples, "example")} (${written.join(", ")})`,
    ...(characters.prompts === null ? [] : [`Prompts: ${lengths(characters.prompts, "characters")}`]),
    ...(characters.replies === null ? [] : [`Replies: ${lengths(characters.replies, "characters")}`]),
    ...wrong.map(([what, of]) => `Negative: ${what.replaceAll("_", " ")} ${of.toLocaleString("en")}`),
  ].join("\n");
}

const lengths = ({ p50, p95, max }: Lengths, unit: string) =>
  `half have at most ${p50.toLocaleString("en")} ${unit}, 95 % at most ${p95.toLocaleString("en")}; the longest ${max.toLocaleString("en")}`;

function tokens({ tokens: of, lines }: InspectionFigures): string {
  if (of === null) return "";
  const encoded = of.encoded_lines < lines ? ` (of ${count(of.encoded_lines, "line")}, evenly spread)` : "";
  const share = of.trained_share === null ? "" : `, ${percent(of.trained_share)} of them trained on`;
  const dropped = of.dropped_lines.map(({ reason, ...place }) => `line ${at(place)}: ${reason}`);
  return [
    `Tokens${encoded}: ${count(of.tokens_per_epoch, "token")} an epoch${share}`,
    ...(of.lengths === null ? [] : [`Lines: ${lengths(of.lengths, "tokens")}`, histogram(of.lengths)]),
    `At ${count(of.max_length, "token")}: ${count(of.truncated, "line")} cut, ${of.dropped.toLocaleString("en")} left out`,
    ...dropped.slice(0, SHOWN).map((line) => `  ${line}`),
  ].join("\n");
}

function histogram({ histogram: bins }: Lengths): string {
  const most = Math.max(...bins.map((bin) => bin.count));
  const rows = bins.map((bin) => [
    `${bin.from}–${bin.to - 1}`,
    bin.count.toLocaleString("en"),
    "█".repeat(Math.ceil((BAR * bin.count) / most)),
  ]);
  return table(["tokens", "lines", ""], rows, { right: [0, 1] });
}

function duplicates({ duplicates: { exact, near, same_prompt: prompts, complete } }: InspectionFigures): string {
  const pair = ({ earlier, ...place }: Place & { readonly earlier: Place }) =>
    `line ${at(place)} repeats line ${at(earlier)}`;
  return [
    list(`Exact copies: ${count(exact.lines, "line")}`, exact.examples.map(pair), exact.lines),
    list(
      `Near copies (similarity ${near.similarity} and more): ${count(near.lines, "line")} in ${count(near.clusters, "cluster")}`,
      near.examples.map(({ similarity, ...one }) => `${pair(one)} (${similarity.toFixed(2)})`),
      near.lines,
    ),
    list(
      `Same prompt, other reply: ${count(prompts.lines, "line")}`,
      prompts.examples.map(({ earlier, ...place }) => `line ${at(place)} asks what line ${at(earlier)} asks`),
      prompts.lines,
    ),
    ...(complete ? [] : ["Memory ran out before all lines were compared for near copies."]),
  ].join("\n");
}

function contamination(one: InspectionFigures["contamination"][number]): string {
  const kinds = Object.entries(one.kinds).flatMap(([kind, of]) =>
    of > 0 ? [`${kind} ${of.toLocaleString("en")}`] : [],
  );
  const how = kinds.length === 0 ? "" : ` (${kinds.join(", ")})`;
  const lines = one.examples.map(
    ({ other_line, kind, similarity, ...place }) =>
      `line ${at(place)}, line ${other_line} of ${one.file}: ${kind}${similarity < 1 ? ` (${similarity.toFixed(2)})` : ""}`,
  );
  return list(
    `Overlap with ${one.file}: ${count(one.training_lines, "line")}, with ${one.held_out_lines.toLocaleString("en")} of its ${count(one.lines, "line")}${how}`,
    lines,
    one.training_lines,
  );
}

function roles({
  roles: { turns, multi_turn_lines: multi, problems, system_prompts: system },
}: InspectionFigures): string {
  const found = problems.map(
    ({ problem, lines, examples }) =>
      `${ROLE_PROBLEMS[problem]}: ${count(lines, "line")}${examples.length === 0 ? "" : `, such as ${examples.slice(0, 3).map(at).join(", ")}`}`,
  );
  return [
    `Turns: ${turns.toLocaleString("en")}; ${count(multi, "line")} with several replies`,
    ...found.map((line) => `  ${line}`),
    `System prompts: ${count(system.lines, "line")}, ${system.distinct.toLocaleString("en")}${system.more ? " or more" : ""} different`,
  ].join("\n");
}

function refusals({ refusals: of }: InspectionFigures): string {
  const share = of.replies === 0 ? "" : ` (${percent(of.refusing / of.replies)})`;
  const lines = of.examples.map(({ pattern, ...place }) => `line ${at(place)}: ${pattern.replaceAll("_", " ")}`);
  return list(
    `Refusals: ${of.refusing.toLocaleString("en")} of ${count(of.replies, "reply", "replies")}${share}`,
    lines,
    of.lines,
  );
}

function personalData({ personal_data: { lines, kinds } }: InspectionFigures): string {
  const found = kinds.map(
    ({ kind, lines: of, examples }) =>
      `${PII_KINDS[kind].about}: ${count(of, "line")}${
        examples.length === 0
          ? ""
          : `, such as ${examples
              .slice(0, 3)
              .map(({ shown, ...place }) => `${at(place)} (${shown})`)
              .join(", ")}`
      }`,
  );
  return [`Personal data and secrets: ${count(lines, "line")}`, ...found.map((line) => `  ${line}`)].join("\n");
}

function languages({ languages: { sampled_lines: sampled, mix } }: InspectionFigures): string {
  const shown = mix
    .slice(0, 8)
    .map(({ language, share, first }) => `${language} ${percent(share)} (first line ${at(first)})`);
  return `Languages, of ${count(sampled, "sampled line")}: ${shown.join(", ")}${mix.length > 8 ? ", …" : ""}`;
}

function diversity({ diversity: { instructions, replies, verb_noun: verbs } }: InspectionFigures): string {
  const row = (name: string, of: typeof replies) => [
    name,
    of.words.toLocaleString("en"),
    ...of.distinct.map((share) => share.toFixed(2)),
    number(of.moving_ttr),
    number(of.mtld, 0),
    number(of.compression_ratio),
    number(of.self_bleu),
  ];
  const head = ["", "words", "distinct-1", "-2", "-3", "TTR/100", "MTLD", "compression", "self-BLEU"];
  const asked = verbs.verbs
    .slice(0, 10)
    .map(({ verb, count: of, nouns }) => [
      verb,
      of.toLocaleString("en"),
      nouns.map(({ noun, count: n }) => `${noun} ${n}`).join(", "),
    ]);
  return [
    "Diversity, of the same sample",
    table(head, [row("instructions", instructions), row("replies", replies)], { right: [1, 2, 3, 4, 5, 6, 7, 8] }),
    ...(asked.length === 0
      ? []
      : [
          `What ${count(verbs.instructions, "English instruction")} ask for: ${count(verbs.distinct_verbs, "verb")}, ${count(verbs.distinct_pairs, "pair")} of verb and noun`,
          table(["verb", "lines", "nouns"], asked, { right: [1] }),
        ]),
  ].join("\n");
}
