import { describe, expect, test } from "vitest";
import { replyEnd } from "../../../shared/model/reply-end.ts";
import type { TextPiece } from "../../../shared/model/tokenizer.ts";

/** "#" is a token that serving stops at, "@" another control token. */
const splitControl = (text: string): TextPiece[] =>
  [...text.matchAll(/[#@]|[^#@]+/g)].map((match) => ({
    text: match[0],
    start: match.index,
    end: match.index + match[0].length,
    ...(match[0] === "#" ? { id: 1 } : match[0] === "@" ? { id: 2 } : {}),
  }));

function endOf(written: string, content: string, calls?: unknown) {
  const { end, closed } = replyEnd({ written, content, calls, splitControl, stopIds: new Set([1]) });
  return [written.slice(0, end), closed];
}

const calls = (...names: string[]) => names.map((name) => ({ function: { name } }));

describe("replyEnd", () => {
  test.each([
    ["the first stop behind the content", "a#\n#", "a", "a#"],
    ["not a control token before it", "think@x@a@#", "a", "think@x@a@#"],
    ["another control token where none stops", "a@\n", "a", "a@"],
    ["content that is also in what follows", "a#@assistant@", "a", "a#"],
    ["no content, and text that follows", "#@assistant@", "", "#"],
    ["content that the template changed", "A@\n#", "a", "A@\n#"],
  ])("%s", (_, written, content, reply) => {
    expect(endOf(written, content)).toEqual([reply, true]);
  });

  test("behind the last call", () => {
    expect(endOf("Hm#@one#@two#\n", "Hm", calls("one", "two"))).toEqual(["Hm#@one#@two#", true]);
    expect(endOf("@one{}@\n", "", calls("one"))).toEqual(["@one{}@", true]);
    expect(endOf("one{@x@}@@\n", "", calls("one"))).toEqual(["one{@x@}@@", true]);
    expect(endOf("one{}\n", "", calls("one"))).toEqual(["one{}", false]);
  });

  test("without a control token, the content is the end", () => {
    expect(endOf("a\n\nUser:", "a")).toEqual(["a", false]);
    expect(endOf("A\n", "a")).toEqual(["A", false]);
    expect(endOf("", "")).toEqual(["", false]);
  });
});
