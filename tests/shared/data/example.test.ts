import { expect, test } from "vitest";
import { assistantTurn, chatExample, instructionWith, systemTurn, userTurn } from "../../../shared/data/example.ts";

test("parts that are empty leave nothing behind", () => {
  expect([systemTurn(undefined), systemTurn(null), systemTurn("")]).toEqual([[], [], []]);
  expect(instructionWith("i", "")).toBe("i");
  expect(instructionWith("", "x")).toBe("x");
  expect(instructionWith("i", "x")).toBe("i\n\nx");
});

test("a chat has tools only where there are some", () => {
  const messages = [...systemTurn("s"), userTurn("q"), assistantTurn("a")];
  expect(chatExample(messages)).toEqual({ kind: "chat", messages });
  expect(Object.keys(chatExample(messages, [{ type: "function" }]))).toEqual(["kind", "messages", "tools"]);
});
