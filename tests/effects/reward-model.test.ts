/** A reward model learns politeness from pairs in which length says nothing, knows how sure it may be, and is the same at the edge. */
import { beforeAll, describe, expect, it } from "vitest";
import type { FinishedText } from "../../edge/serving/judge-protocol.ts";
import { folderDigest } from "../../shared/api/artefacts.ts";
import { JOB_TYPES } from "../../shared/api/methods.ts";
import type { Reward } from "../../shared/delta/reward.ts";
import { decodeCanonical, SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import { loadChatTemplate } from "../../shared/model/chat-template.ts";
import { loadModelFolder } from "../../shared/model/model-folder.ts";
import { createOnnxRuntimeExecutor } from "../../trainer/engines/onnxruntime.ts";
import { type Judgement, qualityOf } from "../../trainer/recipes/classifier/calibration.ts";
import type { RecipeOutcome } from "../../trainer/recipes/recipe.ts";
import { loadRewardModel } from "../../trainer/rewards/reward-model.ts";
import { embeddedBase, trainRewardModel } from "../fixtures/classifiers/train.ts";
import { randomPrompts } from "./support/experiments.ts";
import { preferenceLines, type RegisterPair, registerPreferences } from "./support/register-preferences.ts";
import { openSteeredModel, type SteeredModel } from "./support/steered-model.ts";

const files = embeddedBase();
const { config, weights, tokenizer } = loadModelFolder(files);
const encode = (text: string) => tokenizer.encode(text);
const pairs = (count: number, seed: number, heldOut: boolean) => registerPreferences({ count, seed, heldOut }, encode);

const HELD_OUT = pairs(60, 3, true);
/** Raters prefer the rude wording in every fifth pair: a model that learned from clean pairs cannot know how often they do. */
const CONTRARY = 5;

const chat = (question: string, reply: string): FinishedText => ({
  kind: "chat",
  param: "input",
  messages: [
    { role: "user", content: question },
    { role: "assistant", content: reply },
  ],
});
const sides = (all: readonly RegisterPair[]) =>
  all.flatMap(({ question, polite, rude }) => [chat(question, polite), chat(question, rude)]);

let outcome: RecipeOutcome;
let model: SteeredModel;
/** Of the polite and the rude side of each held-out pair, in turn. */
let rewards: Reward[];

beforeAll(async () => {
  outcome = await trainRewardModel({
    settings: JOB_TYPES.reward_model.settings.parse({
      peft: { type: "lora", r: 4 },
      hyperparameters: { n_epochs: 2, batch_size: 12, learning_rate: 0.003 },
      report: { enabled: false },
    }),
    training: preferenceLines(pairs(96, 1, false)),
    validation: preferenceLines(pairs(80, 2, false), CONTRARY),
  });
  model = await openSteeredModel(files, { polite: decodeCanonical(outcome.folder.files.get(SERVING_FILE)!, config) });
  rewards = (await model.rewards(["polite"], sides(HELD_OUT))).map(([reward]) => reward!);
}, 120_000);

const judgements = (of: "reward" | "calibrated"): Judgement[] =>
  HELD_OUT.map((_, i) => {
    const logits = [rewards[2 * i]![of], rewards[2 * i + 1]![of]];
    return { logits: Float64Array.from((i + 1) % CONTRARY === 0 ? logits.reverse() : logits), label: 0 };
  });

describe("a reward model of politeness", () => {
  it("prefers the polite wording of requests that it has not seen, and not the longer one", () => {
    const right = HELD_OUT.filter((_, i) => rewards[2 * i]!.reward > rewards[2 * i + 1]!.reward).length;
    const longer = HELD_OUT.filter(({ polite, rude }) => encode(polite).length > encode(rude).length).length;
    expect(longer / HELD_OUT.length).toBe(0.5);
    expect(right / HELD_OUT.length).toBeGreaterThanOrEqual(0.9);
  });

  it("is less wrong about how sure it is once it is calibrated", () => {
    const before = qualityOf(judgements("reward"), 1);
    const after = qualityOf(judgements("calibrated"), 1);
    expect(after.ece).toBeLessThan(0.7 * before.ece);
    expect(after.nll).toBeLessThan(before.nll);
  });

  it("knows texts that are nothing like those it was trained on", async () => {
    const foreign = randomPrompts(20, 4).flatMap((text): FinishedText[] => [
      { kind: "text", prompt: "", text, param: "input" },
      chat("What is the capital of France?", text),
    ]);
    const unseen = (all: readonly Reward[]) => all.filter((reward) => reward.unseen).length / all.length;
    const found = (await model.rewards(["polite"], foreign)).map(([reward]) => reward!);
    expect(unseen(rewards)).toBeLessThanOrEqual(0.1);
    expect(unseen(found)).toBeGreaterThanOrEqual(0.6);
  });

  it("gives the trainer the same numbers as the edge", async () => {
    const listed = [...files].map(async ([name, bytes]) => ({
      name,
      bytes: bytes.length,
      sha256: await sha256Hex(bytes),
    }));
    const judge = loadRewardModel(
      { name: "polite", param: "reward.model", files: outcome.folder.files },
      {
        ...{ config, weights, tokenizer, maxLength: 96 },
        digest: await folderDigest(await Promise.all(listed)),
        executor: createOnnxRuntimeExecutor({ threads: 1 }),
        yieldToEventLoop: async () => undefined,
      },
    );
    const template = loadChatTemplate(tokenizer);
    const some = HELD_OUT.slice(0, 20);
    const found = await judge.judge(
      some.flatMap(({ question, polite, rude }) =>
        [polite, rude].map((text) => ({
          prompt: Int32Array.from(template.encodePrompt([{ role: "user", content: question }])),
          reply: Int32Array.from([...encode(text), template.stopIds[0]!]),
          ...{ text, ended: true, item: {} },
        })),
      ),
    );
    for (const [i, { reward, calibrated, unseen }] of found.entries()) {
      expect(Math.abs(reward - rewards[i]!.reward)).toBeLessThan(1e-4);
      expect(Math.abs(calibrated - rewards[i]!.calibrated)).toBeLessThan(1e-4);
      expect(unseen).toBe(rewards[i]!.unseen);
    }
  });
});
