import { describe, expect, it } from "vitest";
import { SweepSettings } from "../../../shared/api/sweeps.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { combinationsOf } from "../../../shared/trials/combinations.ts";
import { trialBody, trialError } from "../../../shared/trials/trial-body.ts";

const sweep = (axes: unknown[], method: unknown = { type: "supervised" }, more: object = {}) =>
  SweepSettings.parse({ ...(method === null ? {} : { method }), axes, ...more });
const bodies = (settings: SweepSettings) =>
  combinationsOf(settings, 1).map((one) => trialBody({ model: "m", training_file: "f", method: {} }, settings, one));

describe("the body of a trial", () => {
  it("has the axes' values, beside what the sweep says", () => {
    const method = { type: "dpo", dpo: { hyperparameters: { beta: 0.1 }, peft: [{ type: "lora" }] } };
    const axes = [
      { path: "hyperparameters.learning_rate", values: [0.1] },
      { path: "peft[0].r", values: [4] },
      { path: "training_file", values: ["g"] },
    ];
    const settings = sweep(axes, method);
    expect(bodies(settings)).toEqual([
      {
        model: "m",
        training_file: "g",
        method: {
          type: "dpo",
          dpo: { hyperparameters: { beta: 0.1, learning_rate: 0.1 }, peft: [{ type: "lora", r: 4 }] },
        },
      },
    ]);
    expect(settings.method).toEqual(method);
  });

  it("begins with the default kind of what the request leaves out", () => {
    expect(bodies(sweep([{ path: "peft.r", values: [4] }]))[0]!.method).toEqual({
      type: "supervised",
      supervised: { peft: { type: "lora", r: 4 } },
    });
  });

  it("sets whole methods first, and parts of what other axes set after it", () => {
    const axes = [
      { path: "peft.r", values: [2] },
      { path: "peft", values: [{ type: "lora", alpha: 1 }] },
      { path: "method", values: [{ type: "dpo" }] },
    ];
    expect(bodies(sweep(axes, null))[0]!.method).toEqual({
      type: "dpo",
      dpo: { peft: { type: "lora", alpha: 1, r: 2 } },
    });
  });

  it.each([
    ["peft[1].r", "names the place", [{ type: "lora" }]],
    ["peft[2]", "names the place 2 of a list of 1", [{ type: "lora" }]],
    ["peft.r", "leads through `peft`, where there is a list", [{ type: "lora" }]],
    ["peft[0].r", "leads through `peft`, where there is {", { type: "lora" }],
  ])("refuses %s of peft, which %s", (path, words, peft) => {
    const settings = sweep([{ path, values: [1] }], { type: "supervised", supervised: { peft } });
    expect(() => bodies(settings)).toThrow(words);
  });

  it("is of the same length in every trial of successive halving", () => {
    const halving = { search: "halving", halving: { min_steps: 2, max_steps: 8 } };
    const method = { type: "supervised", supervised: { hyperparameters: { n_epochs: "auto" } } };
    const [body] = bodies(sweep([{ path: "peft.r", values: [4] }], method, halving));
    expect(body!.method).toMatchObject({ supervised: { hyperparameters: { max_steps: 8 } } });
    expect(JSON.stringify(body)).not.toContain("n_epochs");
  });
});

describe("an error of a trial", () => {
  const settings = sweep([
    { path: "peft.r", values: [4] },
    { path: "hyperparameters.weight_decay", min: 0, max: 1, steps: 2 },
    { path: "model", values: ["m"] },
  ]);
  const [combination] = combinationsOf(settings, 1);
  const placed = (param: string | undefined, message = "It is wrong.") =>
    trialError(new TrimtabError("invalid_request", message, param === undefined ? {} : { param }), {
      ...{ trial: 1, settings, combination: combination!, type: "supervised" },
    });

  it.each([
    ["method.supervised.peft.r", "method.sweep.axes[0].values[0]"],
    ["method.supervised.peft", "method.sweep.axes[0].values[0]"],
    ["method.supervised.hyperparameters.weight_decay", "method.sweep.axes[1]"],
    ["model", "method.sweep.axes[2].values[0]"],
    ["method.supervised.hyperparameters.n_epochs", "method.sweep.method.supervised.hyperparameters.n_epochs"],
    ["training_file", "training_file"],
    [undefined, undefined],
  ])("at %s is at %s", (param, expected) => {
    expect(placed(param).param).toBe(expected);
  });

  it("says which trial it was, and that a path was wrong", () => {
    const message = "Trial 1 (peft.r 4, hyperparameters.weight_decay 0, model m): It is wrong.";
    expect(placed("model").message).toBe(message);
    expect(placed("method.supervised.peft.r", "Unknown field `x`").param).toBe("method.sweep.axes[0].path");
  });
});
