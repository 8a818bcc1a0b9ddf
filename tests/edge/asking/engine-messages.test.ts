import { expect, it } from "vitest";
import { engineMessages } from "../../../edge/asking/engine-messages.ts";

it("messages are text with roles that templates know", () => {
  expect(
    engineMessages([
      {
        role: "developer",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
      { role: "user", content: "b", name: "alice" },
      { role: "assistant", content: "c", refusal: "not shown", reasoning_content: "so", parsed: null },
      { role: "assistant", refusal: "no" },
      { role: "assistant", content: [{ type: "refusal", refusal: "never" }] },
      { role: "assistant" },
    ]),
  ).toEqual([
    { role: "system", content: "ab" },
    { role: "user", content: "b", name: "alice" },
    { role: "assistant", content: "c", reasoning_content: "so" },
    { role: "assistant", content: "no" },
    { role: "assistant", content: "never" },
    { role: "assistant", content: "" },
  ]);
});
