/**
 * `node tests/effects/measure-edits.ts`: what edits do to the embedded base, by method, layer and options. See `USAGE`.
 */
import { parseArgs } from "node:util";
import { parseCorpus } from "../../shared/evaluation/corpus.ts";
import type { DenseMatrix } from "../../shared/linalg/matrix.ts";
import { loadChatTemplate } from "../../shared/model/chat-template.ts";
import { loadModelFolder } from "../../shared/model/model-folder.ts";
import { weightName } from "../../shared/model/modules.ts";
import { f32 } from "../../shared/tensor.ts";
import { EditModel, editedModule } from "../../trainer/edits/edit-model.ts";
import { type EditedValues, openEditedSubject } from "../../trainer/edits/edited-subject.ts";
import { createFactEncoder } from "../../trainer/edits/encode-facts.ts";
import { findValues, lengthOf, type ValueOptions } from "../../trainer/edits/find-values.ts";
import { prefixesOf, samplePrefixes } from "../../trainer/edits/prefixes.ts";
import { askFacts, keptNeighbours, sharesOf } from "../../trainer/edits/score-edits.ts";
import { scorePrompts } from "../../trainer/edits/score-prompts.ts";
import { secondMoments } from "../../trainer/edits/second-moments.ts";
import { solveSequence } from "../../trainer/edits/sequence.ts";
import { valueAnchor } from "../../trainer/edits/solve/norm-scaling.ts";
import { nullSpaceProjector } from "../../trainer/edits/solve/null-space.ts";
import { solveRome } from "../../trainer/edits/solve/rome.ts";
import { readKeys } from "../../trainer/edits/subject-states.ts";
import { createOnnxRuntimeExecutor } from "../../trainer/engines/onnxruntime.ts";
import { embeddedBase } from "../fixtures/classifiers/train.ts";
import { corpusEdits } from "./support/corpus-edits.ts";

const USAGE = `--method rome|memit|alphaedit  --layers 2 or 1,2  --facts 50  --batch 50  --lambda 100  --threshold 0.02  --clamp 4
--prefixes 5  --steps 25  --tokens 30000  --nas  --seed 1  --threads 2`;
const { values: flags } = parseArgs({
  options: {
    method: { type: "string", default: "rome" },
    layers: { type: "string", default: "2" },
    facts: { type: "string", default: "50" },
    batch: { type: "string" },
    lambda: { type: "string", default: "100" },
    threshold: { type: "string", default: "0.02" },
    clamp: { type: "string" },
    prefixes: { type: "string", default: "5" },
    steps: { type: "string", default: "25" },
    stop: { type: "string", default: "0.05" },
    tokens: { type: "string", default: "30000" },
    decay: { type: "string", default: "0.5" },
    kl: { type: "string", default: "0.0625" },
    nas: { type: "boolean", default: false },
    rate: { type: "string", default: "0.3" },
    seed: { type: "string", default: "1" },
    threads: { type: "string", default: "2" },
    help: { type: "boolean", default: false },
  },
});
if (flags.help) {
  console.log(USAGE);
  process.exit(0);
}
const method = flags.method as "rome" | "memit" | "alphaedit";
const layers = flags.layers.split(",").map(Number);
const executor = createOnnxRuntimeExecutor({ threads: Number(flags.threads) });
const yieldToEventLoop = async () => undefined;
const { config, weights, tokenizer } = loadModelFolder(embeddedBase());
const seconds = (from: number) => (performance.now() - from) / 1000;

const files: ReadonlyMap<string, Uint8Array> = embeddedBase();
const texts = parseCorpus(files.get("corpus.jsonl")!);
const ids = texts.map((text) => Int32Array.from(tokenizer.encodeTrusted(text)).subarray(0, config.maxPositions));
const read: Int32Array[] = [];
for (let taken = 0; taken < Number(flags.tokens) && read.length < ids.length; taken += read.at(-1)!.length) {
  read.push(ids[read.length]!);
}
let start = performance.now();
const statistics = await secondMoments(executor, read, {
  config,
  weights,
  layers,
  padId: tokenizer.padId,
  yieldToEventLoop,
});
console.log("statistics", seconds(start).toFixed(1), "s", JSON.stringify([...statistics.convergence]));

const encoder = createFactEncoder({
  ...{ tokenizer, template: () => loadChatTemplate(tokenizer), format: "text", maxLength: config.maxPositions },
});
const seed = Number(flags.seed);
const count = Number(flags.prefixes);
const pool = await samplePrefixes(executor, { config, weights, tokenizer, seed, count, yieldToEventLoop });
const subject = openEditedSubject(executor, { config, weights, layers, padId: tokenizer.padId, yieldToEventLoop });
const asking = { encoder, isEnd: (token: number) => token === tokenizer.eosId, forced: false };

// Only facts that the base knows: the others have nothing to forget.
const candidates = corpusEdits(seed, 2 * Number(flags.facts));
const scored = candidates.map((fact, index) => {
  const { own, rest } = prefixesOf(pool, fact, { seed, count });
  const encoded = encoder.encode({ index, line: index + 1, fact }, own);
  return { encoded, prompts: scorePrompts(fact, { facts: candidates, known: [], prefixes: rest }) };
});
const all = await askFacts(subject, subject.unedited, scored, asking);
const known = scored
  .map((one, i) => ({ one, before: all[i]! }))
  .filter(({ one, before }) => {
    return before.text.trim().startsWith(one.encoded.fact.target_true!);
  })
  .slice(0, Number(flags.facts));
const facts = known.map(({ one }) => one);
const before = known.map(({ before: own }) => own);
console.log(`${facts.length} facts known of ${candidates.length}; ${pool.length} prefixes`);

const values: ValueOptions = {
  ...{ layer: layers.at(-1)!, measuredBy: method === "rome" ? "mlp" : "layer", steps: Number(flags.steps) },
  ...{
    learningRate: { relative: Number(flags.rate) },
    klFactor: Number(flags.kl),
    weightDecay: Number(flags.decay),
    stopBelow: Number(flags.stop),
  },
  clamp: flags.clamp === undefined ? (method === "rome" ? 4 : 0.75) : Number(flags.clamp),
};
const model = new EditModel({ executor, config, weights, layers, yieldToEventLoop });
const encoded = facts.map((one) => one.encoded);
const shown = (share: number | null) => (share === null ? "–" : (100 * share).toFixed(1));

function edited() {
  return new Map(
    layers.map((layer) => {
      const { shape, data } = model.weight(layer);
      return [weightName(editedModule(layer)), f32(shape, Float32Array.from(data))] as const;
    }),
  );
}

async function baseLoss(of: EditedValues) {
  const held = ids
    .slice(-150)
    .map((one) => one.subarray(0, 256))
    .map((one) => ({ ids: one, labels: one }));
  const scores = await subject.score(of, held);
  return (
    -scores.reduce((sum, { logProbability }) => sum + logProbability, 0) /
    scores.reduce((sum, { tokens }) => sum + tokens, 0)
  );
}

function report(after: Awaited<ReturnType<typeof askFacts>>) {
  return sharesOf(after.map((one, i) => ({ ...one, neighbours: keptNeighbours(before[i]!, one) })));
}

start = performance.now();
if (method === "rome" && flags.batch === undefined) {
  const found = await findValues(model, encoded, values);
  console.log(
    "values",
    seconds(start).toFixed(1),
    "s; steps",
    found.reduce((s, { steps }) => s + steps, 0) / found.length,
    "loss",
    (found.reduce((s, { loss }) => s + loss, 0) / found.length).toFixed(3),
    "unconverged",
    found.filter(({ loss }) => loss > 1).length,
    "‖v0‖",
    (found.reduce((s, { start: { mlp } }) => s + lengthOf(mlp), 0) / found.length).toFixed(2),
    "‖δ‖/‖v0‖",
    (found.reduce((s, { delta, start: { mlp } }) => s + lengthOf(delta) / lengthOf(mlp), 0) / found.length).toFixed(2),
  );
  const [layer] = layers as [number];
  const keys = await readKeys(model, encoded, { layer, mean: "contexts" });
  const size = keys.shape[1]!;
  const after = [];
  start = performance.now();
  for (const [i, { delta }] of found.entries()) {
    const change = solveRome({
      secondMoment: statistics.moments.get(layer)!,
      key: keys.data.slice(i * size, (i + 1) * size),
      delta,
    });
    model.change(layer, change);
    after.push(...(await askFacts(subject, edited(), [facts[i]!], asking)));
    model.reset();
  }
  const { efficacy, paraphrase, neighbourhood, score } = report(after);
  console.log(
    `rome ${layer}: ${[efficacy, paraphrase, neighbourhood, score].map(shown).join(" / ")}  (${seconds(start).toFixed(1)} s)`,
  );
} else {
  const anchor = flags.nas
    ? valueAnchor(
        (
          await findValues(
            model,
            encoded.slice(0, 50).map((one) => ({ ...one, contexts: one.contexts.slice(0, 1) })),
            values,
          )
        ).map(({ delta, start: { mlp } }) => lengthOf(mlp.map((value, at) => value + delta[at]!))),
      )
    : undefined;
  const knowledge = new Map(
    layers.map((layer) => {
      const secondMoment = statistics.moments.get(layer)! as DenseMatrix;
      if (method !== "alphaedit") return [layer, { secondMoment }] as const;
      const { projector, dimension, eigenvalues } = nullSpaceProjector(secondMoment, Number(flags.threshold));
      console.log(
        `layer ${layer}: null space ${dimension}, eigenvalues ${[0, 100, 200, 300, 400, 500, 600, 700, 767].map((i) => eigenvalues[i]!.toExponential(1)).join(" ")}`,
      );
      return [layer, { secondMoment, projector }] as const;
    }),
  );
  start = performance.now();
  const result = await solveSequence(model, encoded, {
    ...{ method, layers, lambda: Number(flags.lambda), knowledge, values, previous: new Map(), anchor },
    ...{
      batchSize: Number(flags.batch ?? flags.facts),
      convergedBelow: 1,
      keepUnconverged: true,
      now: () => performance.now(),
    },
  });
  const found = result.facts.map(({ value }) => value);
  console.log(
    "solved",
    seconds(start).toFixed(1),
    "s",
    JSON.stringify(result.seconds),
    "steps",
    (found.reduce((s, { steps }) => s + steps, 0) / found.length).toFixed(1),
    "loss",
    (found.reduce((s, { loss }) => s + loss, 0) / found.length).toFixed(3),
    "unconverged",
    found.filter(({ loss }) => loss > 1).length,
    "‖δ‖",
    (result.facts.reduce((sum, { norm }) => sum + norm, 0) / found.length).toFixed(1),
    "relative",
    (result.facts.reduce((sum, { relativeNorm }) => sum + relativeNorm, 0) / found.length).toFixed(2),
    "too long",
    result.facts.filter(({ outcome }) => outcome === "too_long").length,
    "anchor",
    anchor?.toFixed(2),
    "condition",
    result.layers.map(({ solve }) => solve.condition.toExponential(1)).join(),
  );
  const after = await askFacts(subject, edited(), facts, asking);
  const { efficacy, paraphrase, neighbourhood, score } = report(after);
  const [lossBefore, lossAfter] = [await baseLoss(subject.unedited), await baseLoss(edited())];
  console.log(
    `${method} ${layers}: ${[efficacy, paraphrase, neighbourhood, score].map(shown).join(" / ")}  base loss ${lossBefore.toFixed(4)} → ${lossAfter.toFixed(4)} (${(100 * (lossAfter / lossBefore - 1)).toFixed(2)} %)`,
  );
}
await subject.close();
await model.dispose();
