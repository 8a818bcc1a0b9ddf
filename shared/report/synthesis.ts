/** The report of generated data as one HTML file: how many were kept, and what can be wrong with them. */
import type { SynthesisReport } from "../api/synthesis-report.ts";
import { drawLines } from "../plot/lines.ts";
import { decimal, element, type Html, joined, percent, raw, table } from "./elements.ts";
import { page } from "./page.ts";
import { section } from "./sections.ts";

const number = (value: number | null) => (value === null ? "—" : decimal(value));
const share = (part: number, of: number) => (of === 0 ? "—" : percent(part / of));

/** Equal reports give equal pages. */
export function renderSynthesis(report: SynthesisReport): string {
  const about = table({
    caption: "The job",
    head: ["", "value"],
    rows: [
      ["Model", report.model],
      ["Outputs by", report.answerer ?? report.model],
      ["Approach", report.approach],
      ["Created", new Date(report.created_at * 1000).toISOString()],
      ["Seeds", String(report.seeds)],
      ["Kept examples", String(report.kept)],
      ["Seed", String(report.seed)],
    ],
  });
  const shown = [
    rounds(report),
    diversity(report),
    contamination(report),
    style(report),
    facts(report),
    samples(report),
  ];
  return page({ heading: "Report of generated data", about, shown });
}

function rounds({ rounds: all }: SynthesisReport): Html {
  const reasons = [...new Set(all.flatMap(({ rejected }) => Object.keys(rejected)))].sort();
  return section("rounds", "What was kept", [
    table({
      caption: "Examples by round, and what rejected the others",
      head: ["round", "asked", "written", "kept", "share kept", ...reasons],
      rows: all.map(({ round, asked, written, kept, rejected }) => [
        ...[String(round), String(asked), String(written), String(kept), share(kept, asked)],
        ...reasons.map((reason) => String(rejected[reason] ?? 0)),
      ]),
    }),
  ]);
}

function diversity({ rounds: all, seeds_diversity: seeds }: SynthesisReport): Html {
  const row = (name: string, of: SynthesisReport["seeds_diversity"], novelty: number | null) => [
    ...[name, String(of.texts), novelty === null ? "—" : percent(novelty), String(of.vocabulary)],
    ...[of.distinct_1, of.distinct_2, of.distinct_3, of.pairwise_rouge_l].map(number),
  ];
  const lines = (["of_written", "of_kept"] as const).map((of) => ({
    name: of === "of_written" ? "before filters" : "kept",
    points: all.map((one) => ({ x: one.round, y: one[`novelty_${of}`], label: `round ${one.round}` })),
  }));
  const ends = lines.map(({ name, points }) => `${name}: ${points.map(({ y }) => number(y)).join(", ")}`);
  const chart = drawLines({
    id: "novelty",
    title: "How many instructions of a round are new",
    description: `The share of instructions that are near no earlier one, by round. ${ends.join("; ")}.`,
    x: { title: "round" },
    y: { title: "share that is new", covers: [0, 1] },
    lines,
  });
  return section("diversity", "Collapse of diversity", [
    element(
      "p",
      "A model that learns from what it wrote repeats itself: fewer instructions are new, which means that their ROUGE-L with every earlier one is at most 0.7; pairs grow alike, and different words and n-grams grow few. Distinct-n is of equal amounts of text.",
    ),
    raw(`<figure>${chart}</figure>`),
    table({
      caption: "Of instructions",
      head: ["", "texts", "new", "vocabulary", "distinct-1", "distinct-2", "distinct-3", "mean ROUGE-L of two"],
      rows: [
        row("seeds", seeds, null),
        ...all.flatMap((one) => [
          row(`round ${one.round}, before filters`, one.of_written, one.novelty_of_written),
          row(`round ${one.round}, kept`, one.of_kept, one.novelty_of_kept),
        ]),
      ],
    }),
  ]);
}

function contamination({ contamination: found }: SynthesisReport): Html {
  const id = "contamination";
  const title = "Contamination with the evaluation set";
  if (found === null) return section(id, title, [element("p", "Not measured: the job has no validation file.")]);
  const words = `${found.contaminated} of ${found.kept} kept examples (${share(found.contaminated, found.kept)}) share ${found.n} words in a row with ${found.evaluation_file}.`;
  return section(id, title, [
    element("p", words),
    found.examples.length > 0 &&
      table({
        caption: "The first of them",
        head: ["example", "shared words"],
        rows: found.examples.map((one) => [one.id, one.words]),
      }),
  ]);
}

function style({ style: found }: SynthesisReport): Html {
  const title = "Share of the writer's own style";
  if (found === null) return section("style", title, [element("p", "Not measured: the outputs are too short.")]);
  return section("style", title, [
    element(
      "p",
      `${percent(found.own_phrases)} of the outputs' three-word phrases are in no seed and come back in three outputs or more; ${percent(found.from_seeds)} are in seeds.`,
    ),
    found.phrases.length > 0 &&
      table({
        caption: "The phrases that come back most",
        head: ["phrase", "outputs"],
        rows: found.phrases.map(({ phrase, texts }) => [phrase, String(texts)]),
      }),
  ]);
}

function facts({ facts: found }: SynthesisReport): Html {
  const title = "Errors against known facts";
  if (found === null) return section("facts", title, [element("p", "Not measured: the base has no probes of facts.")]);
  return section("facts", title, [
    element(
      "p",
      `${found.statements} statements in the wording of known facts; ${found.wrong} of them (${share(found.wrong, found.statements)}) are wrong.`,
    ),
    found.examples.length > 0 &&
      table({
        caption: "Wrong ones",
        head: ["example", "statement", "it says", "right"],
        rows: found.examples.map((one) => [one.id, one.prompt, one.said, one.answer]),
      }),
  ]);
}

function samples({ samples: all }: SynthesisReport): Html {
  const shown = all.map(({ id, instruction, output }) =>
    joined([element("h3", id), element("pre", instruction), element("pre", output)]),
  );
  return section("samples", "Some kept examples", shown.length === 0 ? [element("p", "None was kept.")] : shown);
}
