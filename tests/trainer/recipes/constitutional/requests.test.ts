import { expect, it } from "vitest";
import {
  critiqueRequest,
  labelRequest,
  nameOf,
  revisionRequest,
} from "../../../../trainer/recipes/constitutional/requests.ts";

const kind = { principle: "Be kind." };
const examples = [
  { prompt: "p1", reply: "bad1", critique: "c1", revision: "good1", principle: "Be brief." },
  { prompt: "p2", reply: "bad2", critique: "c2", revision: "good2" },
];
const roles = (turns: readonly { readonly role: string }[]) => turns.map(({ role }) => role);

it("shows the examples first, as turns that were answered", () => {
  const constitution = { principles: [kind], examples };
  const critique = critiqueRequest(constitution, kind, { prompt: "salt?", reply: "no" });
  expect(roles(critique)).toEqual(["user", "assistant", "user", "assistant", "user"]);
  expect(critique.map(({ content }) => content).filter((_, i) => i % 2 === 1)).toEqual(["c1", "c2"]);
  expect(critique[0]!.content).toContain("Be brief.");
  expect(critique[4]!.content).toBe(
    "A person asked:\nsalt?\n\nThe reply was:\nno\n\nPrinciple: Be kind.\nSay in a sentence or two how the reply falls short of it.",
  );
  const revision = revisionRequest(constitution, kind, { prompt: "salt?", reply: "no", critique: "curt" });
  expect(revision.map(({ content }) => content).filter((_, i) => i % 2 === 1)).toEqual(["good1", "good2"]);
  expect(revision[4]!.content).toContain("A critic says:\ncurt");
});

it("asks in the principle's own words where it has some", () => {
  const own = { ...kind, name: "kind", critique: "Is it kind?", revision: "Make it kind." };
  const replied = { prompt: "p", reply: "r" };
  expect(critiqueRequest({ principles: [own] }, own, replied).at(-1)!.content).toMatch(/Is it kind\?$/);
  expect(revisionRequest({ principles: [own] }, own, { ...replied, critique: "c" }).at(-1)!.content).toMatch(
    /Make it kind\.$/,
  );
  expect([nameOf(own), nameOf(kind)]).toEqual(["kind", "Be kind."]);
});

it("asks for labels with examples of both answers", () => {
  const asked = labelRequest({ principles: [kind], examples }, kind, { prompt: "p", a: "x", b: "y" });
  expect(asked.map(({ content }) => content).filter((_, i) => i % 2 === 1)).toEqual(["A", "B"]);
  expect(asked[0]!.content).toContain("Reply A:\ngood1");
  expect(asked[2]!.content).toContain("Reply B:\ngood2");
  const own = { principles: [kind], label_prompt: "{{item.a}}|{{item.b}}|{{item.prompt}}|{{item.principle}}" };
  expect(labelRequest(own, kind, { prompt: "p", a: "{{item.b}}", b: "y" })).toEqual([
    { role: "user", content: "{{item.b}}|y|p|Be kind." },
  ]);
});
