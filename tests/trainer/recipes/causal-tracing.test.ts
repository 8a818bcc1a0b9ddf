import { expect, it } from "vitest";
import { CausalTracingSettings } from "../../../shared/api/edit-settings.ts";
import { decodeTracing, type Tracing } from "../../../shared/edits/tracing.ts";
import { loadModelFolder } from "../../../shared/model/model-folder.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { Generator } from "../../../trainer/eval/generator.ts";
import { causalTracing } from "../../../trainer/recipes/causal-tracing.ts";
import type { RecipeJob } from "../../../trainer/recipes/recipe.ts";
import { quietContext, TINY_FILES, tinyJobOf } from "./objectives/run-objective.ts";

const executor = createOnnxRuntimeExecutor({ threads: 1 });
const PROMPT = { prompt: "one red two up", subject: "red two" };

/** What the tiny model itself writes after the prompt, so that it knows the fact. */
async function answer(): Promise<string> {
  const { config, weights, tokenizer } = loadModelFolder(TINY_FILES);
  const generator = await Generator.create(executor, { config, frozen: weights, slots: 2, capacity: 64 });
  const tokens = [...tokenizer.prefix, ...tokenizer.encode(PROMPT.prompt)];
  const [written] = await generator.generate([{ tokens }], { maxTokens: 12, temperature: 0, isEnd: () => false });
  await generator.dispose();
  return tokenizer
    .decode([...tokens, ...written![0]!.tokens])
    .slice(PROMPT.prompt.length)
    .trim();
}

async function run(settings: object, fact: object, changes: Partial<RecipeJob> = {}) {
  const kept = new Map<string, Uint8Array>();
  const artefacts = new Map<string, Uint8Array>();
  const parsed = CausalTracingSettings.parse(settings);
  const job = await tinyJobOf({ settings: parsed as never, training: JSON.stringify(fact) });
  const outcome = await causalTracing(
    { ...job, settings: parsed, ...changes } as RecipeJob<CausalTracingSettings>,
    quietContext({
      executor,
      keepFile: async ({ name, bytes }) => void kept.set(name, bytes),
      baseArtefacts: {
        read: async (name) => artefacts.get(name),
        write: async (name, bytes) => void artefacts.set(name, bytes),
      },
    }),
  );
  return { outcome, tracing: decodeTracing(kept.get("tracing.json")!), artefacts };
}

const probes = (facts: readonly object[]) =>
  new TextEncoder().encode(JSON.stringify({ format: "trimtab.evaluation/1", facts }));

it("traces a file's facts, publishes nothing and keeps nothing with the base", async () => {
  const known = await answer();
  const { outcome, tracing, artefacts } = await run(
    { source: "file", samples: 2 },
    { ...PROMPT, target_new: "x", target_true: known },
  );
  expect(outcome.folder).toBeNull();
  expect(artefacts.size).toBe(0);
  expect(tracing).toMatchObject({ source: "file", facts: 1, samples: 2, layers: 2 });
  expect(tracing.clean).toBeGreaterThan(0);
  const places: (keyof Tracing["mlp"])[] = ["subject_first", "subject_last", "last"];
  for (const place of places) expect(tracing.mlp[place]).toHaveLength(2);
  // The whole state at the last token of the last layer is all that the answer is read from.
  expect(tracing.stream.last!.at(-1)).toBeCloseTo(tracing.clean - tracing.corrupted, 5);
});

it("traces the base's own facts, and reads them from the base the next time", async () => {
  const facts = [{ ...PROMPT, answer: await answer() }];
  const files = new Map([...TINY_FILES, ["evaluation.json", probes(facts)] as const]);
  const base = { id: "tiny", digest: "b".repeat(64), files };
  const { tracing, artefacts } = await run({ samples: 1 }, { ...PROMPT, target_new: "x" }, { base } as never);
  expect(tracing.source).toBe("base");
  const [name] = artefacts.keys();
  expect(name).toMatch(/^tracing\.[0-9a-f]{32}\.json$/);
  expect(decodeTracing(artefacts.get(name!)!)).toEqual(tracing);
});

it("is refused where the model knows none of the facts, and for tuned models", async () => {
  await expect(run({}, { ...PROMPT, target_new: "x", target_true: "surely not" })).rejects.toMatchObject({
    code: "invalid_dataset",
    message: expect.stringContaining("the model knows none of the facts"),
  });
  const parent = { kind: "delta", digest: "", files: new Map() };
  await expect(run({}, { ...PROMPT, target_new: "x" }, { parent } as never)).rejects.toMatchObject({ param: "model" });
});
