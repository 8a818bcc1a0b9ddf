import { expect, it } from "vitest";
import { requireModelFolder } from "../../../shared/model/require-model-folder.ts";

function check(config: unknown, ...names: string[]) {
  const text = typeof config === "string" ? config : JSON.stringify(config);
  return () => requireModelFolder(["config.json", ...names], () => new TextEncoder().encode(text));
}
const OTHERS = ["tokenizer.json", "tokenizer_config.json", "model.safetensors"];

it("lets a folder of a known family through, whatever else its configuration says", () => {
  expect(check({ model_type: "llama" }, ...OTHERS)).not.toThrow();
});

it("names the family first, then what else is in the way", () => {
  expect(check({ model_type: "gpt2", n_embd: 768 }, "pytorch_model.bin", ...OTHERS.slice(0, 2))).toThrow(
    expect.objectContaining({
      code: "invalid_model",
      param: "model_type",
      message: expect.stringMatching(
        /^2 things in the model have to change:\n- config\.json: model_type: GPT-2 models \(model_type gpt2\) are not supported; .*\n- pytorch_model\.bin: pickled weights/,
      ),
    }),
  );
});

it("reads no code and no broken JSON", () => {
  expect(check("{", ...OTHERS)).toThrow("config.json is not valid JSON");
  expect(() => requireModelFolder(["model.gguf"], () => new Uint8Array())).toThrow(/model\.gguf: GGUF files/);
});
