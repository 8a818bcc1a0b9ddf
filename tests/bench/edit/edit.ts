import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type SafetensorsTensor, writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { type EditLab, type LabFact, openEditLab } from "../../effects/support/edit-lab.ts";
import { ROME, SEQUENCE_LAYERS, sequenceSetting } from "../../effects/support/edit-settings.ts";
import { openCeiling } from "../ceiling.ts";
import { type Machine, thisMachine } from "../machine.ts";
import { median } from "../median.ts";
import { Peer } from "../peer.ts";
import { showProgress } from "../progress.ts";
import { keepResult } from "../results.ts";
import { firstUseTable, measureFirstUse } from "./first-use.ts";
import { type EditTaken, type EditTask, openOwnSide } from "./own-side.ts";
import { editTable } from "./report.ts";

const FOLDER = fileURLToPath(new URL("../../../infra/base/model", import.meta.url));
const PREFIXES = 5;
const MEMIT = sequenceSetting("memit");
/** A job's own layers, clamps and λ, which edit this base well; a rate in numbers, which both sides take, and steps as published. */
const TASK: EditTask = {
  ...{ layer: ROME.layer, layers: SEQUENCE_LAYERS, lambda: MEMIT.lambda },
  clamp: { rome: ROME.clamp, memit: MEMIT.values.clamp },
  values: { steps: 25, learningRate: 2, klFactor: 0.0625, weightDecay: 0.5, stopBelow: 0.05 },
};

/** What one side does of a kind of work. */
export interface EditSide {
  /** Medians over the rounds, of the wall clock and of processor time. */
  readonly seconds: number;
  readonly cpu_seconds: number;
  readonly rounds: readonly number[];
  /** The share of facts that hold afterwards. */
  readonly efficacy: number;
}

export interface EditWork {
  readonly work: string;
  readonly ours: EditSide;
  /** Absent if there is no Python with torch. */
  readonly torch?: EditSide;
  /** Of the seconds. */
  readonly ratio?: number;
}

/** What `npm run bench -- edit --json` prints. */
export interface EditBench {
  readonly command: string;
  /** ISO 8601. */
  readonly created_at: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly threads: number;
  /** The machine's load averages over a minute, before and after. */
  readonly load: readonly [number, number];
  /** Seconds that C took, which both sides are given. */
  readonly statistics: { readonly seconds: number; readonly tokens: number };
  readonly works: readonly EditWork[];
  readonly versions: Readonly<Record<string, string>>;
  /** Gigaflops a second of large products on the same executor. */
  readonly ceiling: number;
}

/**
 * Seconds of editing facts into the embedded base, beside the published algorithms on PyTorch: the same weights, tokens, contexts,
 * covariances, steps and stops, in turns. `--python` or EDIT_PYTHON names a Python with torch and transformers; without it only this
 * side runs. With `--url http://…/v1` and OPENAI_API_KEY instead: from an edit's answer to the first token of its model, on that server.
 */
export async function benchEdit(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      python: { type: "string", default: process.env.EDIT_PYTHON ?? "" },
      rounds: { type: "string", default: "3" },
      facts: { type: "string", default: "100" },
      alone: { type: "string", default: "20" },
      threads: { type: "string", default: "2" },
      url: { type: "string" },
      model: { type: "string", default: "trimtab-base" },
      json: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  if (values.url !== undefined) {
    const server = { url: values.url, key: process.env.OPENAI_API_KEY ?? "", model: values.model };
    const used = await measureFirstUse(server, Number(values.rounds));
    process.stdout.write(`${values.json ? JSON.stringify(used, null, 2) : firstUseTable(used)}\n`);
    return;
  }
  const started = performance.now();
  const before = loadavg()[0]!;
  const [rounds, count, alone, threads] = [values.rounds, values.facts, values.alone, values.threads].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const measured = await measure(values.python, { rounds, count, alone, threads });
  const bench: EditBench = {
    command: "npm run bench -- edit",
    created_at: new Date().toISOString(),
    seconds: Math.round((performance.now() - started) / 1000),
    machine: thisMachine(),
    threads,
    load: [before, loadavg()[0]!],
    ...measured,
  };
  process.stdout.write(`${values.json ? JSON.stringify(bench, null, 2) : editTable(bench)}\n`);
  if (values.write) keepResult("edit.json", bench);
}

interface Sizes {
  readonly rounds: number;
  /** Facts of MEMIT, and of ROME. */
  readonly count: number;
  readonly alone: number;
  readonly threads: number;
}

async function measure(python: string, { rounds, count, alone, threads }: Sizes) {
  const executor = createOnnxRuntimeExecutor({ threads });
  const opened = performance.now();
  const lab = await openEditLab({
    ...{ executor, seed: 1, layers: TASK.layers, prefixes: PREFIXES, statisticsTokens: 30_000 },
  });
  const statistics = { seconds: (performance.now() - opened) / 1000, tokens: lab.statistics.tokens };
  const facts = await lab.facts(count);
  const ceiling = await openCeiling(executor, threads);
  const peer = python === "" ? undefined : await startPeer(python, lab, facts, threads);
  const own = openOwnSide(lab, facts, TASK);
  const all = [...facts.keys()];
  const some = all.slice(0, alone);
  const works = [
    {
      ...{ work: "ROME, a fact of several", run: "rome", asked: [some], divisor: some.length },
      take: (indices: readonly number[]) => own.rome(indices),
    },
    {
      ...{ work: "ROME, a fact by itself", run: "rome", asked: some.map((index) => [index]), divisor: some.length },
      take: (indices: readonly number[]) => own.rome(indices),
    },
    {
      ...{ work: "MEMIT, 100 facts", run: "memit", asked: [all], divisor: all.length / 100 },
      take: (indices: readonly number[]) => own.memit(indices),
    },
  ];
  const taken = works.map(() => ({ ours: [] as EditTaken[], torch: [] as EditTaken[] }));
  const gigaflops: number[] = [];
  // A first round only warms up.
  for (let round = -1; round < rounds; round++) {
    for (const [i, { work, run, asked, take }] of works.entries()) {
      const sides = round % 2 === 0 ? (["ours", "torch"] as const) : (["torch", "ours"] as const);
      for (const side of sides) {
        if (side === "torch" && peer === undefined) continue;
        const parts: EditTaken[] = [];
        for (const indices of asked) {
          parts.push(await (side === "ours" ? take(indices) : peer!.ask<EditTaken>({ run, facts: indices })));
        }
        if (round >= 0) taken[i]![side].push(summed(parts));
      }
      showProgress((round + 1) * works.length + i + 1, (rounds + 1) * works.length, "runs", work);
    }
    gigaflops.push(await ceiling.measure());
  }
  peer?.stop();
  await Promise.all([lab.close(), ceiling.dispose()]);
  return {
    statistics,
    works: works.map(({ work, asked, divisor }, i): EditWork => {
      const { ours, torch } = taken[i]!;
      const edited = asked.reduce((sum, indices) => sum + indices.length, 0);
      const side = sideOf(ours, edited, divisor);
      if (torch.length === 0) return { work, ours: side };
      const other = sideOf(torch, edited, divisor);
      return { work, ours: side, torch: other, ratio: other.seconds / side.seconds };
    }),
    versions: peer?.versions ?? {},
    ceiling: median(gigaflops),
  };
}

/** The reference with the same facts as ids, and C in a file. */
async function startPeer(python: string, lab: EditLab, facts: readonly LabFact[], threads: number): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), "trimtab-edit-"));
  try {
    const moments = join(folder, "moments.safetensors");
    const tensors = [...lab.statistics.moments].map(([layer, { shape, data }]): [string, SafetensorsTensor] => {
      return [
        `layer${layer}`,
        { dtype: "F64", shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) },
      ];
    });
    writeFileSync(moments, writeSafetensors(new Map(tensors)));
    const { steps, learningRate, klFactor, weightDecay, stopBelow } = TASK.values;
    const row = ({ ids, at }: { ids: Int32Array; at: number }) => ({ ids: [...ids], at });
    const first = {
      ...{ folder: FOLDER, threads, moments, layer: TASK.layer, layers: TASK.layers, lambda: TASK.lambda },
      options: {
        ...{ steps, learning_rate: learningRate, kl_factor: klFactor, weight_decay: weightDecay },
        ...{ stop_below: stopBelow, clamp: TASK.clamp },
      },
      facts: facts.map(({ encoded: { contexts, target, subjectAlone } }) => {
        return { contexts: contexts.map(row), target, alone: row(subjectAlone) };
      }),
    };
    return await Peer.start({ python, script: join(import.meta.dirname, "peer.py"), first });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function summed(parts: readonly EditTaken[]): EditTaken {
  const sum = (of: (part: EditTaken) => number) => parts.reduce((total, part) => total + of(part), 0);
  return { seconds: sum(({ seconds }) => seconds), cpu: sum(({ cpu }) => cpu), held: sum(({ held }) => held) };
}

/** Seconds over `divisor`. */
function sideOf(taken: readonly EditTaken[], facts: number, divisor: number): EditSide {
  return {
    seconds: median(taken.map(({ seconds }) => seconds / divisor)),
    cpu_seconds: median(taken.map(({ cpu }) => cpu / divisor)),
    rounds: taken.map(({ seconds }) => seconds / divisor),
    efficacy: median(taken.map(({ held }) => held / facts)),
  };
}
