import { expect, it } from "vitest";
import { ConstitutionalSettings, checkJudges, modelsAsked, SELF_CRITIQUE } from "../../../shared/api/constitutional.ts";
import { InlineConstitution } from "../../../shared/api/constitutions.ts";
import { Method, modelsAskedBy } from "../../../shared/api/methods.ts";

const grader = {
  type: "string_check",
  name: "please",
  operation: "ilike",
  input: "{{sample.output_text}}",
  reference: "please",
};
const judge = { type: "grader", grader };
const problems = (given: unknown) =>
  ConstitutionalSettings.safeParse(given).error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);

it("without any settings a model criticises itself, by principles that are built in", () => {
  const method = Method.parse({ type: "constitutional" });
  expect(method).toMatchObject({
    constitutional: { mode: "revise", judge: { type: "model" }, constitution: { name: "self_critique" } },
  });
  expect(modelsAskedBy(method)).toEqual([]);
  expect(InlineConstitution.parse(SELF_CRITIQUE)).toEqual(SELF_CRITIQUE);
});

it.each([
  { constitution: "kindness@2", rounds: 3, samples: 1 },
  { mode: "preferences", samples: 4, min_margin: 0.1, hyperparameters: { beta: 0.2 } },
  { judge, candidates: 8 },
  { mode: "reward_model", judge, samples: 4 },
  { judge: { type: "model", model: "trimtab-base" } },
])("takes %j", (given) => {
  expect(problems(given)).toBeUndefined();
});

it.each([
  [{ constitution: "kind ness" }, /^constitution: /],
  [{ constitution: { principles: [] } }, /^constitution/],
  [{ mode: "preferences", rounds: 2 }, /^rounds: is for the mode revise alone/],
  [{ mode: "preferences", samples: 3 }, /^samples: must be even/],
  [{ mode: "preferences", temperature: 0 }, /^temperature: must be above 0/],
  [{ mode: "preferences", judge, candidates: 3 }, /^candidates: is for the mode revise alone/],
  [{ candidates: 3 }, /^candidates: is for graders alone/],
  [{ judge, temperature: 0 }, /^temperature: must be above 0/],
  [{ hyperparameters: { beta: 0.1 } }, /^hyperparameters\.beta: is for the mode preferences alone/],
  [{ mode: "reward_model", hyperparameters: { beta: 0.1 } }, /^hyperparameters\.beta: is for the mode preferences/],
  [{ mode: "reward_model", peft: { type: "full" } }, /^peft: must not be full/],
  [{ judge: { type: "rule" } }, /^judge/],
  [{ max_unreadable: 1.5 }, /^max_unreadable: /],
  [{ rounds: 9 }, /^rounds: /],
])("refuses %j", (given, problem) => {
  expect(problems(given)?.[0]).toMatch(problem);
});

it("names the models that it asks, and refuses templates that cannot be read, by their fields", () => {
  const ask = (given: unknown) => modelsAsked(ConstitutionalSettings.parse({ judge: given }));
  expect(ask({ type: "model", model: "critic" })).toEqual([{ name: "critic", param: "judge.model" }]);
  const label = { type: "label_model", name: "l", model: "m", labels: ["a"], passing_labels: ["a"], input: [] };
  const graded = { type: "grader", grader: { ...label, input: [{ role: "user", content: "?" }] } };
  expect(ask(graded)).toEqual([{ name: "m", param: "judge.grader.model" }]);
  const reported = ConstitutionalSettings.parse({ report: { judge: graded.grader } });
  expect(modelsAsked(reported)).toEqual([{ name: "m", param: "report.judge.model" }]);
  const broken = ConstitutionalSettings.parse({ judge: { type: "grader", grader: { ...grader, input: "{{open" } } });
  expect(() => checkJudges(broken, "method.constitutional")).toThrow(/`method\.constitutional\.judge\.grader\.input`/);
});
