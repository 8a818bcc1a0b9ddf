import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { curl, report } from "../../../infra/start/report.ts";

const RESULT = {
  url: "http://127.0.0.1:8787",
  key: "tt_demo_secret",
  fine_tuned_model: "ft:trimtab-base:demo:sailor:abcdefgh",
  base_model: "trimtab-base",
  trained: true,
  base_loss: 2.5,
  tuned_loss: 0.51234,
  trained_tokens: 43_210,
  train_tokens_per_second: 4321.4,
  decode_tokens_per_second: 612.7,
  seconds: 61.6,
  samples: [{ prompt: "What's up?", base: "The\nsky.", tuned: "Ahoy!" }],
};

test("the report has the losses, the answers side by side, and the URL, key and model to use", () => {
  const text = report(RESULT);
  expect(text).toContain("Held-out loss 2.500 → 0.512 after 43,210 tokens, at 4,321 tok/s; decoding at 613 tok/s\n");
  expect(text).toContain("  What's up?\n    base   The sky.\n    tuned  Ahoy!\n");
  expect(text).toContain("  URL    http://127.0.0.1:8787/v1\n  Key    tt_demo_secret\n");
  expect(text).toContain("Done in 62 s.\n");
});

test("the report says when an earlier run trained the model", () => {
  expect(report({ ...RESULT, trained: false })).toContain("Trained earlier: held-out loss 2.500 → 0.512");
});

test("the curl line survives a shell", () => {
  const printed = spawnSync("sh", ["-c", `curl() { printf '%s\\n' "$@"; }; ${curl(RESULT)}`], { encoding: "utf8" });
  const args = printed.stdout.trimEnd().split("\n");
  expect(args[0]).toBe("http://127.0.0.1:8787/v1/chat/completions");
  expect(JSON.parse(args.at(-1) ?? "")).toEqual({
    model: RESULT.fine_tuned_model,
    messages: [{ role: "user", content: "What's up?" }],
  });
});
