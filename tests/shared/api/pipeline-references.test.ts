import { describe, expect, it } from "vitest";
import type { Method } from "../../../shared/api/methods.ts";
import {
  checkReferences,
  modelsNamedByJob,
  type NamedBy,
  withModels,
} from "../../../shared/api/pipeline-references.ts";
import { type Pipeline, PipelineSettings } from "../../../shared/api/pipelines.ts";

const stage = (name: string, type = "supervised", fields = {}) => ({ name, method: { type }, ...fields });
const pipeline = (...stages: object[]) => PipelineSettings.parse({ stages }) as Pipeline;

/** A made-up type whose settings name models in a list. */
const judged = (...models: string[]) => ({ type: "judged", judged: { judges: models } }) as unknown as Method;
const namedBy =
  (scorer?: "reward" | "classifier"): NamedBy =>
  (method) =>
    ((method as unknown as { judged?: { judges: string[] } }).judged?.judges ?? []).map((name, index) => ({
      name,
      param: `method.judged.judges[${index}]`,
      ...(scorer === undefined ? {} : { scorer }),
    }));

describe("references of stages", () => {
  it("may name a constitutional stage as a reward model, if it trains one", () => {
    const stages = (mode: string) => {
      const labelled = { name: "rm", method: { type: "constitutional", constitutional: { mode } } };
      const whole = pipeline(labelled, stage("b"));
      return { ...whole, stages: [whole.stages[0]!, { ...whole.stages[1]!, method: judged("stage:rm") }] };
    };
    checkReferences(stages("reward_model"), namedBy("reward"));
    expect(() => checkReferences(stages("preferences"), namedBy("reward"))).toThrow(/a reward model is needed/);
    expect(() => checkReferences(stages("reward_model"), namedBy())).toThrow(/a model that answers is needed/);
  });

  it("may name any earlier stage", () => {
    checkReferences(pipeline(stage("a"), stage("b"), stage("c", "dpo", { model: { stage: "a" } })));
  });

  it.each([
    [[stage("a"), stage("a")], "method.pipeline.stages[1].name", "names the stage a a second time"],
    [
      [stage("a", "dpo", { model: { stage: "b" } }), stage("b")],
      "method.pipeline.stages[0].model.stage",
      'names the stage "b", which does not come before this one; there is none before this one',
    ],
    [
      [stage("a"), stage("b", "dpo", { model: { stage: "b" } })],
      "method.pipeline.stages[1].model.stage",
      "does not come before this one; those before this one are a",
    ],
    [
      [stage("a"), stage("b", "dpo", { model: { stage: "x" } })],
      "method.pipeline.stages[1].model.stage",
      'names the stage "x", which there is not; those before this one are a',
    ],
  ])("are refused by field %#", (stages, param, message) => {
    expect(() => checkReferences(pipeline(...stages))).toThrow(
      expect.objectContaining({ code: "invalid_request", param, message: expect.stringContaining(message) }),
    );
  });

  it("in settings are to results that have what is needed", () => {
    const stages = [...pipeline(stage("clf", "classifier"), stage("sft")).stages];
    const whole = (method: Method) => ({ stages: [...stages, { name: "last", method }] });
    checkReferences(whole(judged("stage:clf", "other")), namedBy("classifier"));
    checkReferences(whole(judged("stage:sft")), namedBy());
    const refused = (method: Method, scorer?: "reward" | "classifier") => {
      try {
        checkReferences(whole(method), namedBy(scorer));
      } catch (error) {
        return error;
      }
      throw new Error("was not refused");
    };
    expect(refused(judged("x", "stage:clf"), "reward")).toMatchObject({
      param: "method.pipeline.stages[2].method.judged.judges[1]",
      message: expect.stringContaining("whose type is classifier, but a reward model is needed"),
    });
    expect(refused(judged("stage:clf"))).toMatchObject({
      message: expect.stringContaining("a model that answers is needed"),
    });
    expect(refused(judged("stage:later"))).toMatchObject({ message: expect.stringContaining("which there is not") });
  });

  it("become names of models", () => {
    const method = judged("stage:rm", "mine", "stage:other");
    const named = withModels(method, (name) => `ft:${name}`, namedBy("reward"));
    expect(named).toEqual(judged("ft:rm", "mine", "ft:other"));
    expect(method).toEqual(judged("stage:rm", "mine", "stage:other"));
  });

  it("are not among the models that a job needs from the start", () => {
    const named = { type: "pipeline", pipeline: pipeline(stage("a")) as PipelineSettings } as const;
    expect(modelsNamedByJob(named)).toEqual([]);
  });
});
