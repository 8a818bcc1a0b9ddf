/** The facts that edits are measured with. */
import { expect, it } from "vitest";
import { RELATIONS } from "../../infra/base/corpus/index.ts";
import { splitCompletion } from "../../infra/base/corpus/relation.ts";
import { checkFacts, subjectPlace } from "../../shared/edits/check-facts.ts";
import { EditFact } from "../../shared/edits/fact.ts";
import { editFacts } from "./support/edit-facts.ts";

/** A model that knows everything: the text after a prompt is the object with which the corpus completes it. */
const objects = new Map(
  RELATIONS.flatMap((relation) =>
    relation.pairs.flatMap(([subject, object]) =>
      relation.completions.map((template) => {
        const fact = { relation, subject, object };
        const { prompt, answer } = splitCompletion(template, fact);
        return [prompt, ` ${answer}.`] as const;
      }),
    ),
  ),
);
const knowing = async (prompts: readonly string[]) => prompts.map((prompt) => objects.get(prompt) ?? "");

const all = await editFacts(knowing, { seed: 1 });

it("makes 900 facts that an edit takes", () => {
  expect(all).toHaveLength(900);
  for (const { relation: _, ...fact } of all) EditFact.parse(fact);
  expect(checkFacts(all)).toBeUndefined();
});

it("asks for another object of the relation, in the form of the prompt's own", () => {
  for (const { prompt, target_new: target, target_true: before } of all) {
    expect(target).not.toBe(before);
    expect(objects.get(prompt)).toBe(` ${before}.`);
    expect(/^an? /.test(target)).toBe(/^an? /.test(before));
  }
});

it("names the subject once, and words each paraphrase otherwise", () => {
  for (const { prompt, subject, target_true: before, paraphrases } of all) {
    expect(subjectPlace(prompt, subject)).toBeTypeOf("object");
    expect(paraphrases).not.toContain(prompt);
    for (const paraphrase of paraphrases) expect(objects.get(paraphrase)).toBe(` ${before}.`);
  }
  expect(all.filter(({ paraphrases }) => paraphrases.length === 0)).toEqual([]);
});

it("takes neighbours that no fact of the call edits", () => {
  const edited = new Set(all.flatMap(({ prompt, paraphrases }) => [prompt, ...paraphrases]));
  for (const { neighbours } of all) {
    expect(neighbours.length).toBeGreaterThan(0);
    for (const neighbour of neighbours) expect(edited.has(neighbour)).toBe(false);
  }
});

it("gives the first of more where fewer are asked, and others for another seed", async () => {
  const few = await editFacts(knowing, { seed: 1, count: 30 });
  const changing = ({ neighbours: _, ...fact }: (typeof all)[number]) => fact;
  expect(few.map(changing)).toEqual(all.slice(0, 30).map(changing));
  expect((await editFacts(knowing, { seed: 2, count: 30 })).map(changing)).not.toEqual(few.map(changing));
});

it("words a fact as the base completes it, and leaves out what it never does", async () => {
  const [fact] = await editFacts(knowing, { seed: 1, count: 1 });
  const unknown = async (prompts: readonly string[]) => prompts.map(() => "I cannot tell.");
  expect(await editFacts(unknown, { seed: 1, count: 1 })).toEqual([]);
  const otherwise = async (prompts: readonly string[]) =>
    (await knowing(prompts)).map((text, i) => (prompts[i] === fact!.prompt ? "" : text));
  const [reworded] = await editFacts(otherwise, { seed: 1, count: 1 });
  expect(reworded!.subject.toLowerCase()).toBe(fact!.subject.toLowerCase());
  expect(fact!.paraphrases).toContain(reworded!.prompt);
});
