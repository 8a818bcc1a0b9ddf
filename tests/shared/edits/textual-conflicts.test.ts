import { expect, it } from "vitest";
import { MOST_TEXTUAL_CONFLICTS, textualConflicts } from "../../../shared/edits/textual-conflicts.ts";

const fact = (prompt: string, subject: string, target_new: string) => ({ prompt, subject, target_new });
const FRANCE = fact("The capital of France is", "France", "Lyon");
const earlier = { ...FRANCE, edit: "edit-1", fact: 4 };

it("finds the same subject and relation, whatever the case and spaces, and says whether the targets agree", () => {
  const found = textualConflicts(
    [fact("the capital of  France is", "France", "lyon"), fact("The capital of France is", "France", "Nice")],
    [earlier],
  );
  expect(found.map(({ kind, fact, with: other }) => [kind, fact, other.edit, other.fact])).toEqual([
    ["same_subject_and_relation", 0, "edit-1", 4],
    ["contradicting_targets", 1, "edit-1", 4],
    ["contradicting_targets", 1, null, 0],
  ]);
  expect(found[1]!.message).toBe('Fact 4 of edit-1 says "Lyon" where this says "Nice".');
  expect(found[2]!.message).toBe('Fact 0 of the same call says "lyon" where this says "Nice".');
});

it("finds nothing between other subjects, and other relations of one subject", () => {
  const others = [
    fact("The capital of Peru is", "Peru", "Cusco"),
    fact("The language of France is", "France", "Latin"),
  ];
  expect(textualConflicts(others, [earlier])).toEqual([]);
});

it("names the first of those that say the same", () => {
  const found = textualConflicts([FRANCE, FRANCE, FRANCE], [earlier, { ...earlier, fact: 9 }]);
  expect(found.map(({ fact, with: other }) => [fact, other.edit, other.fact])).toEqual([
    [0, "edit-1", 4],
    [1, "edit-1", 4],
    [1, null, 0],
    [2, "edit-1", 4],
    [2, null, 0],
  ]);
});

it("tells of as many as a reader can take in, contradictions first", () => {
  const same = Array.from({ length: 2000 }, () => FRANCE);
  const other = fact("The capital of France is", "France", "Nice");
  const found = textualConflicts([...same, other], []);
  expect(found).toHaveLength(MOST_TEXTUAL_CONFLICTS);
  expect(found[0]).toMatchObject({ kind: "contradicting_targets", fact: 2000, with: { fact: 0 } });
  const different = Array.from({ length: 2000 }, (_, i) => fact("The capital of France is", "France", `Town ${i}`));
  expect(textualConflicts(different, [])).toHaveLength(MOST_TEXTUAL_CONFLICTS);
});
