import { expect, it } from "vitest";
import { createRandom } from "../../../../infra/base/corpus/random.ts";
import { createTaskDocuments } from "../../../../infra/base/corpus/task-documents.ts";

it("writes tasks as chats with and without a system prompt, and as plain text", () => {
  const write = createTaskDocuments(createRandom(1));
  const documents = Array.from({ length: 300 }, write);
  const plain = documents.filter((document) => "text" in document);
  const chats = documents.filter((document) => "messages" in document);
  expect(plain.length).toBeGreaterThan(50);
  for (const { text } of plain) expect(text).toMatch(/^(Task: .+\nAnswer: .+\n)+$/);
  const withSystem = chats.filter(({ messages }) => messages[0]?.role === "system");
  expect(withSystem.length).toBeGreaterThan(20);
  expect(withSystem.length).toBeLessThan(chats.length);
});
