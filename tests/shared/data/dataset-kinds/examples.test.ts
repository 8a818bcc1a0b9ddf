import { describe, expect, it } from "vitest";
import { examples } from "../../../../shared/data/dataset-kinds/examples.ts";

const place = { number: 1, unit: "line", file: "a" } as const;
const user = { role: "user", content: "q" };
const reply = { role: "assistant", content: "a" };

describe("examples to imitate", () => {
  it("are recognised in every line format, right or wrong", () => {
    expect(examples.recognises({ messages: 1 })).toBe(true);
    expect(examples.recognises({ chosen: "a", rejected: "b" })).toBe(true);
    expect(examples.recognises({ positive: "a", negative: "b" })).toBe(false);
  });

  it.each([
    [{ messages: [user, reply] }, "chat", true],
    [{ messages: [user, { ...reply, weight: 0 }] }, "chat", false],
    [{ messages: [user] }, "chat", false],
    [{ prompt: "p", completion: "c" }, "completion", true],
    [{ text: "t" }, "completion", true],
  ])("%j", (value, group, trainable) => {
    expect(examples.read(value, place)).toMatchObject({ group, trainable, examples: [{ kind: group }] });
  });
});
