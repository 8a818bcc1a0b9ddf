import { describe, expect, test } from "vitest";
import { DatasetTally } from "../../../shared/data/dataset-counts.ts";
import type { EncodedSequence } from "../../../shared/data/encode-line.ts";
import type { Finding } from "../../../shared/model/chat-spans.ts";

const sequence = (tokens: number, trained: number, cut = false): EncodedSequence => ({
  ids: new Int32Array(tokens),
  labels: new Int32Array(tokens),
  trained,
  cut,
});
const cut = (message: number): Finding => ({ kind: "cut", message, detail: `detail ${message}` });

describe("DatasetTally", () => {
  test("adds up lines, tokens and sequences", () => {
    const tally = new DatasetTally();
    tally.add(1, { examples: [[sequence(5, 2)]], findings: [] });
    expect(tally.splitNote).toBeUndefined();
    tally.add(2, { examples: [[sequence(7, 3, true), sequence(9, 4, true)]], findings: [] });
    tally.add(3, { reason: "nothing_to_learn", detail: "why" });
    expect(tally.counts).toEqual({
      kept: 2,
      truncated: 1,
      dropped: 1,
      droppedFor: { nothing_to_learn: 1, reply_beyond_limit: 0, refused_by_template: 0, not_served: 0 },
      tokens: 21,
      trainedTokens: 9,
      sequences: 3,
      turns: {},
    });
    expect(tally.notes).toEqual(["line 3 is left out: why"]);
    expect(tally.splitNote).toMatch(/^2 examples became 3 sequences: /);
  });

  test("keeps the first dropped lines, and one example of each surprise", () => {
    const tally = new DatasetTally();
    for (let line = 1; line <= 9; line++) tally.add(line, { reason: "not_served", detail: "why" });
    tally.add(10, { examples: [[sequence(1, 1)]], findings: [cut(1), cut(3)] });
    tally.add(11, { examples: [[sequence(1, 1)]], findings: [cut(1), { kind: "header", message: 1, detail: "h" }] });
    expect(tally.counts.turns).toEqual({ cut: 3, header: 1 });
    expect(tally.notes).toHaveLength(7);
    expect(tally.notes.slice(5)).toEqual([
      "3 replies are not shown whole by the template; line 10, message 2: detail 1",
      "1 reply includes its header, since the template has no generation prompt; line 11, message 2: h",
    ]);
  });
});
