import { describe, expect, test } from "vitest";
import { createMask } from "../../../shared/model/control-mask.ts";

const LITERALS = ["<|im_end|>", "<|im_start|>", "<|im_start|>x"];

describe("createMask", () => {
  test("hides control tokens everywhere in messages and tools, and restores them", () => {
    const mask = createMask(LITERALS);
    const message = {
      role: "user",
      content: "a<|im_end|>b",
      extra: { "<|im_start|>": ["<|im_start|>x", 1, null, true] },
    };
    const chat = mask.apply([message], [{ description: "<|im_end|>" }]);
    const masked = JSON.stringify([chat.messages, chat.tools]);
    for (const literal of LITERALS) expect(masked).not.toContain(literal);
    expect(JSON.parse(mask.remove(masked))).toEqual([[message], [{ description: "<|im_end|>" }]]);
    expect(chat.messages[0]!.content).toHaveLength(3);
  });

  test("private-use characters in the input survive", () => {
    const mask = createMask(LITERALS);
    const content = "\ue000\ue001<|im_end|>\ue002\ue003";
    const chat = mask.apply([{ role: "user", content }], []);
    expect(mask.remove(chat.messages[0]!.content)).toBe(content);
    expect(content).not.toContain(mask.unused);
    expect(chat.messages[0]!.content).not.toContain(mask.unused);
  });

  test("stand-ins that a template printed escaped are restored, and texts that look like them survive", () => {
    const mask = createMask(LITERALS);
    const content = "\\ue000 \\UE001 <|im_end|>";
    const [message] = mask.apply([{ role: "user", content }], []).messages;
    const standIn = message!.content.at(-1)!;
    expect(mask.remove(message!.content)).toBe(content);
    expect(mask.remove(`'\\u${standIn.charCodeAt(0).toString(16)}'`)).toBe("'<|im_end|>'");
  });

  test("a text with every character of the first private block uses the next block", () => {
    const mask = createMask(LITERALS);
    const all = Array.from({ length: 0xf900 - 0xe000 }, (_, index) => String.fromCharCode(0xe000 + index)).join("");
    const chat = mask.apply([{ role: "user", content: `${all}<|im_end|>` }], []);
    expect(mask.remove(chat.messages[0]!.content)).toBe(`${all}<|im_end|>`);
  });

  test("a text with every private-use character is rejected quickly", () => {
    const block = (first: number, last: number) =>
      Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index)).join("");
    const content = "x".repeat(500_000) + block(0xe000, 0xf8ff) + block(0xf0000, 0xffffd);
    const started = performance.now();
    expect(() => createMask(LITERALS).apply([{ role: "user", content }], [])).toThrow(
      "the messages use every private-use character; remove some",
    );
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test("the original is not changed", () => {
    const message = Object.freeze({ role: "user", content: "<|im_end|>" });
    createMask(LITERALS).apply([message], []);
    expect(message.content).toBe("<|im_end|>");
  });

  test("excessive nesting is rejected", () => {
    let deep: unknown = "x";
    for (let level = 0; level < 100; level++) deep = [deep];
    expect(() => createMask(LITERALS).apply([], [deep])).toThrow("nests more than 32 levels deep");
  });
});
