/** A labelling project on a real Engine: texts are sampled, reward models choose the next task, and a model judges. */
import { beforeAll, describe, expect, it } from "vitest";
import type { JudgeStep, LabelAgreement, NextTask, SampleStep } from "../../shared/api/label-work.ts";
import type { LabelProject } from "../../shared/api/labeling.ts";
import type { Rewards } from "../../shared/api/rewards.ts";
import type { Scorer } from "../../shared/delta/scorer.ts";
import { encodeScorer } from "../../shared/delta/scorer-file.ts";
import { fromF32, toF32 } from "../../shared/formats/safetensors.ts";
import { tarEnd, tarEntry } from "../../shared/formats/tar.ts";
import { createRandom } from "../../shared/random.ts";
import { f32 } from "../../shared/tensor.ts";
import { Api } from "./support/api.ts";
import { TINY_CONFIG, tinyBase, tinyWeights } from "./support/tiny-base.ts";

const api = new Api();
const model = "labelled-base";
let key: string;
const rewards: string[] = [];

/** A linear reward on the model's last state. */
function reward(seed: number): Scorer {
  const width = (TINY_CONFIG as { hidden_size: number }).hidden_size;
  const random = createRandom(seed, "reward");
  const weight = Float32Array.from({ length: width }, () => random.normal());
  return {
    weight: f32([width, 1], weight),
    bias: f32([1], new Float32Array(1)),
    about: { labels: ["reward"], lead: [], temperatures: { lookahead: 1 } },
  };
}

async function upload(scorer: Scorer): Promise<string> {
  const bytes = encodeScorer(scorer);
  const { header, padding } = tarEntry("scorer.safetensors", bytes.length);
  const body = new FormData();
  body.append("model", model);
  body.append(
    "file",
    new File([new Uint8Array([header, bytes, padding, tarEnd()].flatMap((part) => [...part]))], "r.tar"),
  );
  return (await api.call<{ models: string[] }>("POST", "/v1/deltas", { key, body })).models[0]!;
}

beforeAll(async () => {
  // Weights large enough that texts differ.
  const weights = tinyWeights((tensors) => {
    for (const [name, tensor] of tensors) {
      tensors.set(name, { ...tensor, bytes: fromF32(new Float32Array(toF32(tensor).map((x) => 8 * x)), "F16") });
    }
  });
  await api.base(model, tinyBase({ "model.safetensors": weights }));
  key = await api.tenant("labelling");
  rewards.push(await upload(reward(1)), await upload(reward(2)));
});

const root = "/v1/labeling/projects";

describe("a project on a real Engine", { timeout: 120_000 }, () => {
  it("hands out the task on which its reward models differ most, and is judged by a model", async () => {
    const body = {
      name: "real",
      task: "pairwise",
      prompts: ["hi", "bye", "ahoy"].map((text) => ({ text })),
      sampling: { sources: [{ model }], n: 3, max_tokens: 6 },
      selection: { by: "ensemble_variance", reward_models: rewards, random_share: 0 },
      gold_rate: 0,
    };
    const { id } = await api.call<LabelProject>("POST", root, { key, body });
    const step = await api.call<SampleStep>("POST", `${root}/${id}/samples`, { key, body: {} });
    expect(step).toMatchObject({ prompts: 3, waiting: 0 });
    expect(step.tasks + step.skipped.length).toBe(3);
    const variances: number[] = [];
    for (;;) {
      const { task } = await api.call<NextTask>("GET", `${root}/${id}/next?rater=ada`, { key });
      if (task === null) break;
      expect(task.selected_by).toBe("ensemble_variance");
      const prompt = (task.prompt as { text: string }).text;
      const input = task.texts.map(({ message }) => ({ prompt, text: message.content }));
      const { data } = await api.call<Rewards>("POST", "/v1/rewards", { key, body: { model: rewards, input } });
      const differences = rewards.map((_, of) => data[0]!.members![of]!.calibrated - data[1]!.members![of]!.calibrated);
      variances.push(((differences[0]! - differences[1]!) / 2) ** 2);
      const answer = { type: "best", index: task.texts[0]!.index };
      await api.call("POST", `${root}/${id}/labels`, { key, body: { task_id: task.id, rater: "ada", answer } });
    }
    expect(variances).toHaveLength(step.tasks);
    expect(variances.length).toBeGreaterThan(1);
    expect(variances).toEqual([...variances].sort((a, b) => b - a));
    const judge = await api.call<JudgeStep>("POST", `${root}/${id}/judge`, { key, body: { model } });
    expect(judge).toMatchObject({ labelled: step.tasks, failed: [], left: 0 });
    const { judges } = await api.call<LabelAgreement>("GET", `${root}/${id}/agreement`, { key });
    expect(judges).toMatchObject([{ with_majority: { percent: { n: step.tasks } } }]);
  });

  it("samples the same texts from the same seed", async () => {
    const texts = async (seed: number) => {
      const body = {
        name: "seeded",
        task: "rating",
        prompts: [{ text: "hi" }],
        sampling: { sources: [{ model }], n: 4, max_tokens: 6 },
        tasks_per_prompt: 4,
        seed,
      };
      const { id } = await api.call<LabelProject>("POST", root, { key, body });
      await api.call("POST", `${root}/${id}/samples`, { key });
      const found: string[] = [];
      for (const rater of ["a", "b", "c", "d"]) {
        const { task } = await api.call<NextTask>("GET", `${root}/${id}/next?rater=${rater}`, { key });
        if (task !== null) found.push(task.texts[0]!.message.content);
      }
      return found.sort();
    };
    expect(await texts(5)).toEqual(await texts(5));
    expect(await texts(5)).not.toEqual(await texts(6));
  });
});
