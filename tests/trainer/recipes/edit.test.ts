import { beforeAll, describe, expect, it } from "vitest";
import { EditSettings } from "../../../shared/api/edit-settings.ts";
import type { TrainerEvent } from "../../../shared/api/trainer.ts";
import { parseManifest } from "../../../shared/delta/manifest.ts";
import { decodeCanonical } from "../../../shared/delta/serving-file.ts";
import { decodeEditFile } from "../../../shared/edits/edit-file.ts";
import { EditReport } from "../../../shared/edits/report.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { f32 } from "../../../shared/tensor.ts";
import type { Executor, Feeds } from "../../../trainer/engines/executor.ts";
import { edit } from "../../../trainer/recipes/edit.ts";
import type { NamedDelta, RecipeJob } from "../../../trainer/recipes/recipe.ts";
import { quietContext, TINY_FILES, tinyJobOf } from "./objectives/run-objective.ts";

const TEXTS = `${Array.from({ length: 80 }, (_, i) => JSON.stringify({ text: `one two ${i} red green blue up down ${i * i}` })).join("\n")}\n`;
// With random weights no token is likely, so that a value's loss stays high though its target comes first.
const OPTIONS = {
  ...{ layers: [0], statistics_tokens: 1000, prefixes: 2, steps: 150, clamp: 100, weight_decay: 0, kl_factor: 0 },
  ...{ lambda: 0.001, learning_rate: 0.05, refine: 0, publish: "always" },
};
const facts = [
  { prompt: "one red two", subject: "two", target_new: "!" },
  {
    prompt: "up green down",
    subject: "down",
    target_new: "?",
    neighbours: ["up up green"],
    paraphrases: ["so up green down"],
  },
];

/** Runs an edit on the tiny model, whose weights are random. */
async function run(
  lines: readonly object[],
  settings: object = {},
  changes: Partial<RecipeJob> = {},
  kept = new Map<string, Uint8Array>(),
  executor = quietContext({}).executor,
) {
  const events: Omit<TrainerEvent, "seq">[] = [];
  const artefacts = new Map<string, Uint8Array>();
  const parsed = EditSettings.parse({ options: OPTIONS, ...settings });
  const job = await tinyJobOf({
    settings: parsed as never,
    training: lines.map((line) => JSON.stringify(line)).join("\n"),
    validation: TEXTS,
  });
  const outcome = await edit(
    { ...job, type: "edit", settings: parsed, ...changes } as RecipeJob<EditSettings>,
    quietContext({
      executor,
      event: (event) => void events.push(event),
      keepFile: async ({ name, bytes }) => void kept.set(name, bytes),
      baseArtefacts: {
        read: async (name) => artefacts.get(name),
        write: async (name, bytes) => void artefacts.set(name, bytes),
      },
    }),
  );
  return { outcome, report: reportIn(kept), events, artefacts };
}

const reportIn = (kept: ReadonlyMap<string, Uint8Array>) =>
  EditReport.parse(JSON.parse(new TextDecoder().decode(kept.get("edit.json"))));

describe("an edit", () => {
  let made: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    made = await run(facts, { method: "memit" });
  });

  it("changes the model by a delta that holds, and reports it against the unedited model", () => {
    const { report, outcome } = made;
    expect(report).toMatchObject({ method: "memit", layers: [0], layers_from: "request", published: true });
    expect(report.facts.map(({ status }) => status)).toEqual(["edited", "edited"]);
    expect(report.scores.efficacy).toBe(1);
    expect(report.facts[0]!.paraphrases).toEqual({ source: "templates", count: 2 });
    expect(report.facts[1]!.neighbours).toEqual({ source: "given", count: 1 });
    expect(report.facts[0]!.probability.after).toBeGreaterThan(report.facts[0]!.probability.before);
    expect(report.changes).toMatchObject([{ layer: 0, module: "layers.0.mlp.down_proj", rank: 2, lost: 0, jitter: 0 }]);
    expect(report.statistics).toMatchObject({ source: "file", tokens: 1000 });
    expect(report.seconds.total).toBeGreaterThan(0);
    expect(outcome.metrics).toMatchObject({ efficacy: 1 });
    expect(outcome.hyperparameters).toMatchObject({ method: "memit", layers: "0" });
  });

  it("publishes a low rank on down_proj alone, with the keys that later edits need", () => {
    const { files } = made.outcome.folder!;
    const { config } = loadModelFolder(TINY_FILES);
    const delta = decodeCanonical(files.get("serving.safetensors")!, config);
    expect([...delta.linears.keys()]).toEqual(["layers.0.mlp.down_proj"]);
    expect(delta.linears.get("layers.0.mlp.down_proj")!.a!.shape).toEqual([48, 2]);
    expect(parseManifest(files.get("manifest.json")!)).toMatchObject({ methods: ["memit"], base_model: "tiny" });
    const own = decodeEditFile(files.get("edit.safetensors")!);
    expect(own.facts.map(({ subject }) => subject)).toEqual(["two", "down"]);
    expect(own.keys.get(0)!.shape).toEqual([2, 48]);
  });

  it("keeps nothing of a tenant's own texts with the base, and says how far it is", () => {
    expect(made.artefacts.size).toBe(0);
    const phases = made.events.flatMap(({ data }) => (data as { phase?: string } | null)?.phase ?? []);
    expect([...new Set(phases)]).toEqual(["statistics", "before", "values", "solve", "after", "done"]);
  });

  it("says of a long sequence about every second how far it is", async () => {
    const many = Array.from({ length: 12 }, (_, i) => ({ ...facts[0]!, prompt: `one red two ${i}` }));
    const options = { ...OPTIONS, steps: 2, batch_size: 1, rounds: 1, norm_scaling: false };
    const { events } = await run(many, { method: "memit", options });
    // The clock of this context moves on by a tenth of a second each time it is read.
    const solved = events.filter(({ data }) => (data as { phase?: string } | null)?.phase === "solve");
    expect(solved.length).toBeLessThan(12);
    expect(solved.at(-1)!.data).toMatchObject({ batch: 12, batches: 12, done: 12, of: 12 });
  });

  it("improves the change as a whole where there are texts to keep, and is left as it was solved where there are none", async () => {
    // No text names this subject, and every text names the others.
    const fact = { prompt: "one red three", subject: "three", target_new: "!" };
    const by = (lines: readonly object[], refine: number) =>
      run(lines, { method: "memit", options: { ...OPTIONS, refine } });
    const [solved, refined] = [await by([fact], 0), await by([fact], 6)];
    const saying = ({ events }: typeof solved) =>
      events.filter(({ data }) => (data as { phase?: string } | null)?.phase === "refine");
    expect(saying(solved)).toEqual([]);
    expect(saying(refined).at(-1)).toMatchObject({ message: "Improved in 6 of 6 steps", data: { done: 6, of: 6 } });
    expect(refined.report.scores.efficacy).toBe(1);
    expect(refined.report.seconds.refine).toBeGreaterThan(0);
    const serving = ({ outcome }: typeof solved) => outcome.folder!.files.get("serving.safetensors");
    expect(serving(refined)).not.toEqual(serving(solved));
    expect(serving(await by([fact], 6))).toEqual(serving(refined));
    const without = await by(facts, 6);
    expect(saying(without)).toMatchObject([{ level: "warn", message: expect.stringContaining("names a subject") }]);
    expect(serving(without)).toEqual(serving(made));
  });

  it("names the options where the search leaves the range of numbers", async () => {
    const { executor } = quietContext({});
    const broken: Executor = {
      ...{ name: executor.name, backend: executor.backend, createCache: (...given) => executor.createCache(...given) },
      async compile(graph, options) {
        const program = await executor.compile(graph, options);
        if (!graph.name.startsWith("values after")) return program;
        const run = async (feeds: Feeds) => ({ ...(await program.run(feeds)), loss: f32([], [Number.NaN]) });
        return { run, hold: (feeds) => program.hold(feeds), dispose: () => program.dispose() };
      },
    };
    const options = { ...OPTIONS, kl_factor: 100 };
    await expect(run([facts[0]!], { method: "memit", options }, {}, new Map(), broken)).rejects.toMatchObject({
      ...{ code: "non_finite", param: "options" },
      message: expect.stringContaining("learning_rate 0.05, clamp 100, kl_factor 100, weight_decay 0 and lambda 0.001"),
    });
  });

  it("gives the same bytes again", async () => {
    const again = await run(facts, { method: "memit" });
    expect([...again.outcome.folder!.files]).toEqual([...made.outcome.folder!.files]);
  });

  it("is refused where the model says so already, and tells of those that it does among others", async () => {
    const known = made.report.facts[0]!.text.before.trim();
    const fact = { ...facts[0]!, target_new: known };
    const kept = new Map<string, Uint8Array>();
    const refusal = { code: "invalid_request", param: "training_file" };
    await expect(run([fact], {}, {}, kept)).rejects.toMatchObject(refusal);
    expect(reportIn(kept)).toMatchObject({ published: false, changes: [], facts: [{ status: "already_known" }] });
    const { report } = await run([fact, facts[1]!]);
    // On a model of random weights the edit of the other fact breaks it.
    expect(report.facts.map(({ status }) => status)).toEqual(["failed", "edited"]);
    expect(report.facts[0]!.reason).toContain("the unedited model says so, but");
    expect(report.scores.efficacy).toBe(1);
  });

  it("takes no rome where the layers were chosen for several facts, of which one is left", async () => {
    const fact = { ...facts[0]!, target_new: made.report.facts[0]!.text.before.trim() };
    const { report } = await run([fact, facts[1]!], { options: { ...OPTIONS, layers: [0, 1] } });
    expect(report).toMatchObject({ method: "memit", layers: [0, 1], scores: { efficacy: 1 } });
    expect(report.changes.map(({ layer }) => layer)).toEqual([0, 1]);
  });

  it("publishes nothing that does not hold, unless it is asked to", async () => {
    const options = { ...OPTIONS, steps: 1, publish: "held" };
    const { outcome, report } = await run([facts[0]!], { options });
    expect(outcome.folder).toBeNull();
    expect(report).toMatchObject({ published: false, changes: [], fluency: null, facts: [{ status: "failed" }] });
    expect(report.facts[0]!.reason).toContain("no value was found");
  });

  it("is solved on earlier edits, holding their keys, and has itself alone", async () => {
    const { files } = made.outcome.folder!;
    const earlier: NamedDelta = { digest: "c".repeat(64), files };
    const later = { prompt: "three one up", subject: "up", target_new: "." };
    const clash = { ...facts[0]!, target_new: ";" };
    const settings = { on: [{ id: "edit-1" }] };
    const { outcome, report } = await run([later, clash], settings, { models: new Map([["edit-1", earlier]]) });
    expect(report).toMatchObject({ method: "memit", norm_scaling: true });
    expect(report.conflicts.find(({ kind }) => kind === "contradicting_targets")).toMatchObject({
      ...{ fact: 1, with: { edit: "edit-1", fact: 0 } },
    });
    // The earlier edit is part of what the later one starts from.
    expect(report.facts[1]!.text.before).toBe(made.report.facts[0]!.text.after);
    if (outcome.folder !== null) {
      const own = decodeEditFile(outcome.folder.files.get("edit.safetensors")!);
      expect(own.facts.every(({ subject }) => ["up", "two"].includes(subject))).toBe(true);
    }
  });

  it("holds earlier facts at layers that their edit did not change, and forgets an edit without weight", async () => {
    const models = new Map([["edit-1", { digest: "c".repeat(64), files: made.outcome.folder!.files }]]);
    const later = { prompt: "three one up", subject: "up", target_new: "." };
    const settings = { on: [{ id: "edit-1" }], options: { ...OPTIONS, layers: [1] } };
    const { report } = await run([later, facts[0]!], settings, { models });
    expect(report).toMatchObject({ method: "memit", layers: [1], norm_scaling: true });
    expect(report.conflicts[0]).toMatchObject({ kind: "same_subject_and_relation", fact: 1 });
    const without = await run([later, facts[0]!], { ...settings, on: [{ id: "edit-1", weight: 0 }] }, { models });
    expect(without.report).toMatchObject({ method: "memit", norm_scaling: false, conflicts: [] });
  });

  it.each(["memit", "alphaedit"])("is solved by %s apart from the keys of earlier edits", async (method) => {
    const { files } = made.outcome.folder!;
    const bare = new Map([...files].filter(([name]) => name !== "edit.safetensors"));
    const later = { prompt: "three one up", subject: "up", target_new: "." };
    const settings = { method, on: [{ id: "edit-1" }], options: { ...OPTIONS, norm_scaling: false } };
    const solved = async (of: ReadonlyMap<string, Uint8Array>) => {
      const models = new Map([["edit-1", { digest: "c".repeat(64), files: of }]]);
      return (await run([later], settings, { models })).outcome.folder!.files.get("serving.safetensors");
    };
    // The models are equal; that the one was edited is known of the first alone.
    expect(await solved(files)).not.toEqual(await solved(bare));
  });

  it("only looks where it is asked to", async () => {
    const { outcome, report } = await run([facts[0]!, facts[0]!], { check_only: true });
    expect(outcome.folder).toBeNull();
    expect(report.conflicts.map(({ kind }) => kind)).toEqual(["same_subject_and_relation", "interfering_keys"]);
    expect(report.facts.every(({ scores }) => scores === null)).toBe(true);
  });

  it.each([
    [{ options: { layers: 2 } }, "invalid_request", "names layer 2"],
    [{ method: "rome", options: { layers: [0, 1] } }, "invalid_request", "rome changes one"],
  ])("refuses %j", async (settings, code, message) => {
    await expect(run(facts, settings)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });
});
