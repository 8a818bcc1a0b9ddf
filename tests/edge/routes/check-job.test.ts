import { describe, expect, it } from "vitest";
import { heapLimitBytes } from "../../../edge/env.ts";
import { checkMethod } from "../../../edge/routes/check-job.ts";
import { Method } from "../../../shared/api/methods.ts";
import { TINY_CONFIG } from "../support/tiny-base.ts";

const HEAP = heapLimitBytes({});
const method = (supervised: Record<string, unknown>) => Method.parse({ type: "supervised", supervised });

describe("checkMethod", () => {
  it("takes a rank up to the smallest matrix and modules that are there", () => {
    checkMethod(
      method({ peft: { type: "lora", r: 8, target_modules: ["q_proj", "layers.1.mlp.up_proj"] } }),
      TINY_CONFIG,
      HEAP,
    );
    checkMethod(method({ peft: { type: "lora", r: 16, target_modules: "q_proj" } }), TINY_CONFIG, HEAP);
    checkMethod(method({ peft: { type: "full" }, hyperparameters: { max_length: 128 } }), TINY_CONFIG, HEAP);
  });

  it("refuses more numbers than are held for deltas, but not a whole model", () => {
    const wordy = { ...TINY_CONFIG, vocab_size: 120_000 };
    const heap = 36 * 1024 * 1024;
    checkMethod(method({ peft: { type: "lora", r: 8, target_modules: ["embed_tokens"] } }), wordy, heap);
    checkMethod(method({ peft: { type: "full" } }), wordy, heap);
    expect(() =>
      checkMethod(method({ peft: { type: "lora", r: 16, target_modules: ["embed_tokens"] } }), wordy, heap),
    ).toThrow(
      expect.objectContaining({
        param: "method.supervised.peft",
        message: "`method.supervised.peft` has 7.7 MB of numbers, but the most that is served on this model is 6.3 MB.",
      }),
    );
  });

  it("refuses a scorer that is too large to be served", () => {
    const wordy = { ...TINY_CONFIG, vocab_size: 60_000 };
    const classifier = (settings: object) =>
      Method.parse({ type: "classifier", classifier: { peft: [], ...settings } });
    const heap = 36 * 1024 * 1024;
    checkMethod(classifier({ value_rank: 16 }), wordy, heap);
    checkMethod(classifier({ value_rank: 256, modes: ["lookahead"] }), wordy, heap);
    expect(() => checkMethod(classifier({ value_rank: 64 }), wordy, heap)).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "method.classifier.value_rank" }),
    );
  });

  it.each([
    [{ peft: { type: "lora", r: 9 } }, "method.supervised.peft.r"],
    [{ peft: { type: "lora", target_modules: ["q_proj", "nothing"] } }, "method.supervised.peft.target_modules"],
    [{ hyperparameters: { max_length: 129 } }, "method.supervised.hyperparameters.max_length"],
    [
      { peft: { type: "prompt", num_virtual_tokens: 9 }, hyperparameters: { max_length: 120 } },
      "method.supervised.hyperparameters.max_length",
    ],
    [{ peft: { type: "prefix", num_virtual_tokens: 121 } }, "method.supervised.peft.num_virtual_tokens"],
    [{ peft: { type: "bitfit" } }, "method.supervised.peft"],
    [{ peft: { type: "prefix" }, hyperparameters: { ewc_lambda: 1 } }, "method.supervised.hyperparameters.ewc_lambda"],
    [
      { peft: [{ type: "lora" }, { type: "prompt" }], hyperparameters: { ewc_lambda: 1 } },
      "method.supervised.hyperparameters.ewc_lambda",
    ],
    [
      { peft: { type: "adalora", init_r: 4, target_r: 2, tinit: 9 }, hyperparameters: { max_steps: 9 } },
      "method.supervised.peft.tinit",
    ],
    [
      {
        peft: [{ type: "ia3" }, { type: "adalora", init_r: 4, target_r: 2, tfinal: 9 }],
        hyperparameters: { max_steps: 9 },
      },
      "method.supervised.peft[1].tfinal",
    ],
    [
      { peft: [{ type: "lora" }, { type: "ia3", target_modules: "q_proj", feedforward_modules: "q_proj" }] },
      "method.supervised.peft[1].feedforward_modules",
    ],
  ])("refuses %j", (settings, param) => {
    expect(() => checkMethod(method(settings), TINY_CONFIG, HEAP)).toThrow(
      expect.objectContaining({ code: "invalid_request", param }),
    );
  });

  it("refuses what could be trained but not served", () => {
    const wide = { ...TINY_CONFIG, hidden_size: 256, intermediate_size: 512, num_attention_heads: 32, head_dim: 8 };
    const q = (r: number) => method({ peft: { type: "lora", r, target_modules: "q_proj" } });
    checkMethod(q(128), wide, HEAP);
    expect(() => checkMethod(q(129), wide, HEAP)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "method.supervised.peft",
        message:
          "`method.supervised.peft` has a rank of 129, but the most that is served on this model is a rank of 128.",
      }),
    );
  });

  it("checks the settings of a type of its own against the model", () => {
    const vector = (layers: unknown) => Method.parse({ type: "steering_vector", steering_vector: { layers } });
    const last = TINY_CONFIG.num_hidden_layers - 1;
    expect(checkMethod(vector(last), TINY_CONFIG, HEAP)).toEqual({ maxLength: 128 });
    expect(() => checkMethod(vector([0, last + 1]), TINY_CONFIG, HEAP)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "method.steering_vector.layers[1]",
        message: `\`method.steering_vector.layers[1]\` is ${last + 1}, but this model has the layers 0 to ${last}.`,
      }),
    );
  });
});
