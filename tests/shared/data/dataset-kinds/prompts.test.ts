import { describe, expect, it } from "vitest";
import { KindCheck } from "../../../../shared/data/dataset-kinds/kind-check.ts";
import { prompts } from "../../../../shared/data/dataset-kinds/prompts.ts";

const place = (number: number) => ({ number, unit: "line", file: "k" }) as const;
const user = { role: "user", content: "2 + 2?" };

describe("prompts", () => {
  it("are shown up to where the reply begins, and no field is left out", () => {
    expect(prompts.read({ messages: [user], answer: "4" }, place(1))).toEqual({
      examples: [{ kind: "chat", messages: [user] }],
      ...{ prompts: true, layout: "prompt", ignored: [], trainable: true },
    });
  });

  it("are what OpenAI's reinforcement files are recognised as, beside conversations", () => {
    const kinds = new KindCheck();
    kinds.add({ messages: [user], answer: "4" }, place(1));
    kinds.add({ messages: [user], answer: "5" }, place(2));
    expect(kinds.end()).toMatchObject({ kinds: ["examples", "prompts"], ignored: [] });
  });

  it("are no longer once a line ends with an answer, and the file says why", () => {
    const kinds = new KindCheck();
    kinds.add({ messages: [user] }, place(1));
    kinds.add({ messages: [user, { role: "assistant", content: "4" }] }, place(2));
    const { kinds: left, unfit } = kinds.end();
    expect(left).toEqual(["examples"]);
    expect(unfit.prompts).toContain("line 2 of k: messages: must end with the user's turn, not with assistant");
  });

  it("leave files of answered examples as they are", () => {
    const kinds = new KindCheck();
    kinds.add({ prompt: "a", completion: "b" }, place(1));
    expect(kinds.end()).toMatchObject({ kinds: ["examples"], unfit: {} });
  });
});
