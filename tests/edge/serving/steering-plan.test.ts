import { describe, expect, it } from "vitest";
import type { ResolvedModel, ResolvedSteering } from "../../../edge/serving/protocol.ts";
import { NO_STEERING, planSteering } from "../../../edge/serving/steering-plan.ts";
import { SteeringObject } from "../../../shared/api/steering.ts";
import { activeParts } from "../../../shared/decode/steering/asked.ts";
import type { ModelConfig } from "../../../shared/model/config.ts";
import { randomScorer } from "../../shared/delta/random-scorer.ts";

const CONFIG = { vocabSize: 96, layers: 4, tied: true, hiddenSize: 8 } as ModelConfig;
const MODEL = { config: CONFIG, tokenizer: { encode: (text: string) => [...text].map(Number) } } as never;
const base = (id = "b") => ({ id, digest: id, prefix: "b/", files: [] });
const model = (digest?: string, of = base()): ResolvedModel => ({
  base: of,
  weights: null,
  deltas: digest === undefined ? [] : [{ digest, prefix: "", files: [], weight: 1 }],
});

interface Wish {
  readonly own?: ResolvedModel;
  readonly models?: ResolvedSteering["models"];
  readonly scored?: readonly string[];
  readonly isChat?: boolean;
}

function planned(steering: unknown, { own = model(), models = {}, scored = [], isChat = true }: Wish = {}) {
  const parts = activeParts(SteeringObject.parse(steering));
  return planSteering(MODEL, {
    steering: { parts, models, conditional: [] },
    own,
    base: model(),
    models: { scorer: (at) => (scored.includes(at) ? randomScorer(CONFIG) : undefined) },
    isChat,
  });
}

const classifier = (mode: string, id = "tone") => ({ id, label: "class 0", mode });

describe("planSteering", () => {
  it("plans nothing for no parts", () => {
    expect(planned({})).toEqual({ ...NO_STEERING, takes: { final: false, exits: [] } });
  });

  it("gives each part's settings under its name, and its rows with the part's name, in the parts' order", () => {
    const { settings, companions } = planned(
      {
        contrastive: { amateur: "base" },
        classifier: [classifier("class_rows")],
        guidance: {},
        experts: [{ id: "base", weight: -1 }],
      },
      { own: model("d"), scored: ["classifier[0].id"] },
    );
    expect(Object.keys(settings)).toEqual(["guidance", "experts", "contrastive", "classifier"]);
    expect(companions.map(({ role, part }) => [role, part])).toEqual([
      ["guidance", "guidance"],
      ["experts[0]", "experts"],
      ["contrastive.amateur", "contrastive"],
      ["classifier[0].0", "classifier"],
      ["classifier[0].1", "classifier"],
    ]);
  });

  it("takes the exits of the layers, once each, from a model with a tied head", () => {
    expect(planned({ layers: { candidates: [3, 0] } }).takes).toEqual({ final: false, exits: [2, -1] });
    // The head of a tied model only gives the embedding back.
    expect(planned({ layers: {} }).takes.exits).toEqual([1]);
  });

  it("tells whether two sides are the same model by bases, weights and deltas", () => {
    const refused = expect.objectContaining({ code: "invalid_request", param: "steering.contrastive.amateur" });
    const at = "contrastive.amateur";
    expect(() => planned({ contrastive: { amateur: "base" } })).toThrow(refused);
    expect(() => planned({ contrastive: { amateur: "d" } }, { own: model("d"), models: { [at]: model("d") } })).toThrow(
      refused,
    );
    const others = [model("d"), model(undefined, base("c"))];
    for (const other of others) {
      expect(planned({ contrastive: { amateur: "x" } }, { models: { [at]: other } }).companions).toHaveLength(1);
    }
  });

  it("refuses a model without a scoring head as a classifier, by its place", () => {
    expect(() =>
      planned(
        { classifier: [classifier("lookahead"), classifier("lookahead", "plain")] },
        { scored: ["classifier[0].id"] },
      ),
    ).toThrow(
      expect.objectContaining({
        code: "invalid_request",
        param: "steering.classifier[1].id",
        message: expect.stringContaining("no scoring head"),
      }),
    );
  });

  it.each([
    [{ layers: { candidates: [4] } }, "steering.layers.candidates[0]"],
    [{ classifier: [{ ...classifier("lookahead"), label: "nice" }] }, "steering.classifier[0].label"],
  ])("puts a part's refusal under `steering`: %j", (steering, param) => {
    expect(() => planned(steering, { scored: ["classifier[0].id"] })).toThrow(
      expect.objectContaining({ code: "invalid_request", param }),
    );
  });

  it("refuses messages to leave out of a completion", () => {
    const steering = { contrastive: { amateur: { without: "system" } } };
    expect(planned(steering).companions).toHaveLength(1);
    expect(() => planned(steering, { isChat: false })).toThrow(
      expect.objectContaining({ param: "steering.contrastive.amateur.without" }),
    );
  });
});
