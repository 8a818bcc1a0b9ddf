import { describe, expect, it } from "vitest";
import { attachMethods, planMethods } from "../../../shared/peft/combine.ts";
import { requireFolderRoom, requireRoom, tokensOf, VirtualTokens } from "../../../shared/peft/virtual-tokens.ts";
import { settingsOf } from "../../support/peft.ts";
import { peftGolden } from "../../support/peft-golden.ts";

const { config, weights } = await peftGolden("prompt");

describe("room for text", () => {
  it("is there up to eight tokens before the end of the context", () => {
    expect(() => requireRoom(config, 56, "peft.num_virtual_tokens")).not.toThrow();
    expect(() => requireFolderRoom(config, 56)).not.toThrow();
  });

  it("is asked for by name in a request", () => {
    expect(() => requireRoom(config, 57, "peft.num_virtual_tokens")).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "peft.num_virtual_tokens",
        message:
          "`peft.num_virtual_tokens`: 57 positions leave no room for text in this model's context of 64 tokens; use at most 56.",
      }),
    );
  });

  it("is asked for in a folder", () => {
    expect(() => requireFolderRoom(config, 57)).toThrow(
      expect.objectContaining({
        code: "invalid_delta",
        message:
          "adapter_config.json: num_virtual_tokens is 57, which leaves no room for text in the base model's context of 64 tokens",
      }),
    );
  });

  it("is asked for by several methods together", () => {
    const settings = ["prompt", "prefix"].map((type) => settingsOf({ type, num_virtual_tokens: 30 }));
    const refusal = expect.objectContaining({
      code: "invalid_request",
      param: "peft",
      message: expect.stringContaining("`peft`: 60 positions leave no room for text"),
    });
    const options = { config, settings, param: "peft" };
    expect(() => planMethods(options)).toThrow(refusal);
    expect(() => attachMethods({ ...options, weights, seed: 1, encode: () => [] })).toThrow(refusal);
  });

  it("is for whole tokens, at least one", () => {
    expect(VirtualTokens.parse(undefined)).toBe(20);
    for (const count of [0, -1, 1.5, "3"]) expect(VirtualTokens.safeParse(count).success).toBe(false);
  });
});

describe("tokensOf", () => {
  const of = (ids: readonly number[]) => () => tokensOf("text", { encode: () => ids, config }, "peft.init_text");

  it("gives what the tokenizer gives", () => {
    expect(of([1, 2])()).toEqual([1, 2]);
  });

  it.each([[[]], [[1, 96]]])("refuses %j", (ids) => {
    expect(of(ids)).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "peft.init_text",
        message:
          "`peft.init_text` must be a text that the model's tokenizer turns into tokens of the model's vocabulary.",
      }),
    );
  });
});
