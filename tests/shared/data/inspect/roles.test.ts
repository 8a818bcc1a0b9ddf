import { describe, expect, test } from "vitest";
import type { TrainingMessage } from "../../../../shared/data/example.ts";
import { lineTexts } from "../../../../shared/data/inspect/line-texts.ts";
import { Roles, roleProblems } from "../../../../shared/data/inspect/roles.ts";

type Short = readonly [role: TrainingMessage["role"], content: string, more?: object];
const line = (...turns: readonly Short[]) =>
  lineTexts(1, [{ kind: "chat", messages: turns.map(([role, content, more]) => ({ role, content, ...more })) }]);
const CALL = { tool_calls: [{ type: "function", function: { name: "f", arguments: {} } }] };

describe("roleProblems", () => {
  test.each([
    [[], line(["system", "be kind"], ["user", "hi"], ["assistant", "ho"])],
    [[], line(["user", "hi"], ["assistant", "", CALL], ["tool", "1"], ["tool", "2"], ["assistant", "done"])],
    [["empty_turn"], line(["user", " "], ["assistant", "ho"])],
    [["no_reply", "ends_without_reply"], line(["user", "hi"])],
    [["ends_without_reply"], line(["user", "hi"], ["assistant", "ho"], ["user", "thanks"])],
    [["begins_with_assistant"], line(["assistant", "ho"], ["user", "hi"], ["assistant", "ha"])],
    [["repeated_role"], line(["user", "hi"], ["user", "there"], ["assistant", "ho"])],
    [["system_not_first"], line(["user", "hi"], ["system", "be kind"], ["assistant", "ho"])],
    [["tool_without_call"], line(["user", "hi"], ["tool", "1"], ["assistant", "ho"])],
  ])("finds %j", (problems, texts) => expect(roleProblems(texts)).toEqual(problems));
});

test("Roles counts problems and system prompts, and names the first lines", () => {
  const roles = new Roles(1);
  for (const id of [3, 4]) roles.add({ ...line(["system", "be kind"], ["user", "hi"]), line: id });
  roles.add({
    ...line(["system", "be brief"], ["user", "hi"], ["assistant", "a"], ["user", "b"], ["assistant", "c"]),
    line: 5,
  });
  expect(roles.figures).toEqual({
    turns: 9,
    multi_turn_lines: 1,
    problems: [
      { problem: "no_reply", lines: 2, examples: [3] },
      { problem: "ends_without_reply", lines: 2, examples: [3] },
    ],
    system_prompts: {
      lines: 3,
      distinct: 2,
      more: false,
      most_common: [
        { text: "be kind", lines: 2, first_line: 3 },
        { text: "be brief", lines: 1, first_line: 5 },
      ],
    },
  });
});
