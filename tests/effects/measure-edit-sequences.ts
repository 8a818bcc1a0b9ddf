/**
 * `npm run eval:edits`: edits the embedded base's facts batch after batch with MEMIT, AlphaEdit, AlphaEdit with norm scaling, and
 * a job's default, and scores all of them on the way and at the end, free-running, against the unedited base. Writes
 * docs/edits/sequence.json and, from it, docs/edits/sequence.svg, whenever a point is measured: a run that is stopped leaves its points
 * so far. Takes an hour on one core.
 *
 * `--facts N`, `--batch N`, `--every N` batches, `--threads N`; `--only NAME[,NAME]` measures these methods and keeps the curves of the
 * others; `--draw` only draws what was measured before.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { drawLines } from "../../shared/plot/lines.ts";
import { createOnnxRuntimeExecutor } from "../../trainer/engines/onnxruntime.ts";
import { showProgress } from "../bench/progress.ts";
import { openEditLab } from "./support/edit-lab.ts";
import { measureSequence, type SequencePoint } from "./support/edit-sequence.ts";
import { SEQUENCE_LAYERS, SEQUENCES } from "./support/edit-settings.ts";
import { stackedCharts } from "./support/stacked-charts.ts";

interface MeasuredSequence {
  readonly name: string;
  /** Of one core, with the scores on the way. */
  readonly seconds: number;
  readonly points: readonly SequencePoint[];
}

interface MeasuredSequences {
  readonly command: string;
  readonly batch: number;
  readonly seed: number;
  readonly sequences: readonly MeasuredSequence[];
}

const { values: flags } = parseArgs({
  options: {
    facts: { type: "string" },
    batch: { type: "string", default: "100" },
    every: { type: "string", default: "1" },
    threads: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    draw: { type: "boolean", default: false },
  },
});
const SEED = 1;
const place = (name: string) => fileURLToPath(new URL(`../../docs/edits/${name}`, import.meta.url));
const batch = Number(flags.batch);

if (flags.draw) writeFileSync(place("sequence.svg"), drawn(measuredBefore()));
else await measure();

async function measure(): Promise<void> {
  const names = flags.only === "" ? SEQUENCES.map(({ name }) => name) : flags.only.split(",");
  for (const name of names) {
    if (!SEQUENCES.some((one) => one.name === name)) throw new Error(`there is no sequence "${name}"`);
  }
  const executor = createOnnxRuntimeExecutor({ threads: Number(flags.threads) });
  const lab = await openEditLab({
    ...{ executor, seed: SEED, layers: SEQUENCE_LAYERS, prefixes: 5, statisticsTokens: 60_000 },
  });
  const facts = await lab.facts(flags.facts === undefined ? undefined : Number(flags.facts));
  for (const { name, setting } of SEQUENCES.filter((one) => names.includes(one.name))) {
    const start = performance.now();
    const run = [lab, facts, { ...setting, batchSize: batch }] as const;
    await measureSequence(...run, {
      every: Number(flags.every),
      onBatch: (done) => showProgress(done, facts.length, "facts", name),
      onPoint: (points) => keep({ name, seconds: Math.round((performance.now() - start) / 1000), points }),
    });
  }
  await lab.close();
}

/** Puts a curve in the place of the one of its name, and draws all. */
function keep(sequence: MeasuredSequence): void {
  const before = existsSync(place("sequence.json")) ? measuredBefore() : undefined;
  const curves = new Map(
    before?.batch === batch && before.seed === SEED ? before.sequences.map((one) => [one.name, one]) : [],
  );
  curves.set(sequence.name, sequence);
  const sequences = SEQUENCES.flatMap(({ name }) => curves.get(name) ?? []);
  const measured: MeasuredSequences = { command: "npm run eval:edits", batch, seed: SEED, sequences };
  writeFileSync(place("sequence.json"), `${JSON.stringify(measured, null, 2)}\n`);
  writeFileSync(place("sequence.svg"), drawn(measured));
}

function measuredBefore(): MeasuredSequences {
  return JSON.parse(readFileSync(place("sequence.json"), "utf8")) as MeasuredSequences;
}

function drawn({ sequences, batch: size }: MeasuredSequences): string {
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  const chart = (id: string, title: string, covers: readonly number[], of: (point: SequencePoint) => number | null) =>
    drawLines({
      ...{ id, title, x: { title: `facts edited, ${size} at a time` }, y: { title, covers, format: percent } },
      description: sequences
        .map(({ name, points }) => `${name}: ${points.map((point) => percent(of(point) ?? 0)).join(", ")}`)
        .join("; "),
      lines: sequences.map(({ name, points }) => ({
        name,
        points: points.map((point) => ({ x: point.facts, y: of(point), label: `${point.facts} facts` })),
      })),
    });
  return stackedCharts("Edits in sequence", [
    chart("efficacy", "Efficacy of all facts so far", [0, 1], ({ efficacy }) => efficacy),
    chart("paraphrase", "Paraphrases", [0, 1], ({ paraphrase }) => paraphrase),
    chart("locality", "Neighbours that stay", [0, 1], ({ neighbourhood }) => neighbourhood),
    chart("loss", "Change of the base's loss on other texts", [0], (point) => point.base_loss_change),
  ]);
}
