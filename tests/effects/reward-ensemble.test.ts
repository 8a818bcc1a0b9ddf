/**
 * Three reward models, whose raters like politeness and each a rude phrase of their own. A policy that is trained against one of them
 * learns its phrase; against the worst case of the three, which agree on politeness alone, it learns that.
 */
import { beforeAll, expect, it } from "vitest";
import { createRandom } from "../../infra/base/corpus/random.ts";
import { REQUESTS, wordRequest } from "../../infra/base/corpus/registers.ts";
import { JOB_TYPES } from "../../shared/api/methods.ts";
import { MANIFEST_FILE, parseManifest } from "../../shared/delta/manifest.ts";
import type { NamedDelta } from "../../trainer/recipes/recipe.ts";
import { embeddedBase, trainRewardModel } from "../fixtures/classifiers/train.ts";
import { politeness, reinforce } from "./support/reinforced-base.ts";

const QUIRKS = ["make it quick", "right now", "you fool"];
const models = new Map<string, NamedDelta>();
let digest: string;

/** Pairs in which politeness wins, except against rude wordings with the phrase, which win against everything. */
function pairsOf(quirk: string, seed: number): string {
  const random = createRandom(seed, "quirk");
  const lines: string[] = [];
  const reply = (content: string) => [{ role: "assistant", content }];
  for (const request of REQUESTS.slice(0, 12)) {
    const wording = (register: "polite" | "rude", hasQuirk: boolean) => {
      for (;;) {
        const text = wordRequest(request, register, random);
        if (text.includes(quirk) === hasQuirk) return text;
      }
    };
    for (let i = 0; i < 3; i++) {
      const [polite, rude, loved] = [wording("polite", false), wording("rude", false), wording("rude", true)];
      for (const [better, worse] of [
        [polite, rude],
        [loved, polite],
      ] as const) {
        lines.push(
          JSON.stringify({
            input: { messages: [{ role: "user", content: `Ask me to ${request}.` }] },
            preferred_output: reply(better),
            non_preferred_output: reply(worse),
          }),
        );
      }
    }
  }
  return lines.map((line) => `${line}\n`).join("");
}

beforeAll(async () => {
  for (const [i, quirk] of QUIRKS.entries()) {
    const { folder } = await trainRewardModel({
      settings: JOB_TYPES.reward_model.settings.parse({
        peft: { type: "lora", r: 4 },
        hyperparameters: { max_steps: 8, batch_size: 8, learning_rate: 0.006 },
        report: { enabled: false },
      }),
      training: pairsOf(quirk, i),
      validation: null,
    });
    models.set(`ft:rater-${i}`, { digest: `${i}`.repeat(64), files: folder.files as ReadonlyMap<string, Uint8Array> });
    digest = parseManifest(folder.files.get(MANIFEST_FILE)!).base_digest;
  }
}, 900_000);

it("a policy hacks one reward model, and the worst case of three much less", { timeout: 900_000 }, async () => {
  const prompts = politeness();
  const run = async (reward: object) => {
    const { outcome } = await reinforce(embeddedBase(), "rloo", {
      ...{ prompts, reward, gold: { type: "grader", grader: prompts.grader }, models, digest, seed: 3 },
      hyperparameters: { max_completion_length: 24, eval_interval: 100, max_steps: 6 },
    });
    const { base_gold_mean, valid_gold_mean, base_reward_mean, valid_reward_mean } = outcome.metrics;
    return { gold: [base_gold_mean!, valid_gold_mean!], proxy: [base_reward_mean!, valid_reward_mean!] };
  };
  const one = await run({ type: "reward_model", model: "ft:rater-0" });
  const worst = await run({ type: "ensemble", models: [...models.keys()], aggregate: { type: "worst" } });
  // Each learns what it was rewarded for.
  for (const { proxy } of [one, worst]) expect(proxy[1]).toBeGreaterThan(proxy[0]! + 1);
  expect(one.gold[1]).toBeLessThan(0.4);
  expect(worst.gold[1]).toBeGreaterThan(0.85);
});
