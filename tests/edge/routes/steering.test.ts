import { expect, it } from "vitest";
import { steeringEcho, steeringOf, tracesOf } from "../../../edge/routes/steering.ts";
import { LIMITS } from "../../../shared/limits.ts";

it("a request's steering goes on as it is, and a trace only where it is asked for", () => {
  const steering = { guidance: { scale: 2 } };
  expect(steeringOf({ steering })).toEqual({ steering });
  expect(steeringOf({ steering: "calm", trace: false })).toEqual({ steering: "calm" });
  expect(steeringOf({ trace: true })).toEqual({ steering: undefined, traced: LIMITS.traceAlternatives });
});

it("a reply echoes what steered it, and the version of the preset that it comes from", () => {
  const asked = { guidance: { scale: 2 } };
  const resolved = { parts: {}, models: {}, conditional: [] };
  expect(steeringEcho(null)).toEqual({});
  expect(steeringEcho({ asked, from: null, resolved })).toEqual({ steering: asked });
  expect(steeringEcho({ asked, from: { preset: "calm", version: 3 }, resolved })).toEqual({
    steering: asked,
    steering_preset: "calm@3",
  });
});

it("traces are shown as they are, in copies, and not where there are none", () => {
  expect(tracesOf(null)).toEqual({});
  expect(tracesOf([])).toEqual({ steering_trace: [] });
  const token = { id: 3, token: "a", before: 0.25, after: 0.5 };
  const trace = { ...token, kl: 0.1, top: [token], changes: [], parts: { layers: { layer: 1 } } };
  const { steering_trace: shown } = tracesOf([trace]);
  expect(shown).toEqual([trace]);
  expect(shown![0]!.parts).not.toBe(trace.parts);
});
