import { describe, expect, it } from "vitest";
import { DecodeSessions } from "../../../edge/runtime/decode-sessions.ts";
import { loadOrtModule } from "../../../edge/runtime/ort-module.ts";
import { NO_FEATURES, type ServingFeatures } from "../../../shared/model/serving-rewrite.ts";
import { TINY } from "./tiny-model.ts";

const make = async () => new DecodeSessions(await loadOrtModule(), TINY, 16);
const of = (layout: "bank" | "rows", ...names: ("factors" | "vectors" | "output" | "stream")[]): ServingFeatures => ({
  layout,
  factors: names.includes("factors"),
  vectors: names.includes("vectors"),
  bottlenecks: names.includes("output") ? "output" : names.includes("stream") ? "stream" : "none",
});

describe("DecodeSessions", () => {
  it("makes a session once, whatever the layout is called of what is not laid out", async () => {
    const sessions = await make();
    const { session, features } = sessions.for(NO_FEATURES);
    expect(features).toEqual(NO_FEATURES);
    expect(sessions.for(of("rows")).session).toBe(session);
    expect(sessions.for(of("bank", "factors")).session).not.toBe(sessions.for(of("rows", "factors")).session);
    expect(sessions.count).toBe(3);
    expect(session.inputNames).not.toContain("gains");
  });

  it("serves what there is no room for by the session with everything, one for each layout", async () => {
    const sessions = await make();
    const exact = [NO_FEATURES, of("bank", "factors"), of("rows", "factors"), of("bank", "vectors")];
    for (const features of exact) expect(sessions.for(features).features).toBe(features);
    const all = { factors: true, vectors: true, bottlenecks: "any" };
    const bank = sessions.for(of("bank", "output"));
    expect(bank.features).toEqual({ layout: "bank", ...all });
    expect(sessions.for(of("bank", "factors", "vectors"))).toBe(bank);
    expect(sessions.for(of("rows", "stream")).features).toEqual({ layout: "rows", ...all });
    expect(sessions.count).toBe(6);
    for (const features of exact) expect(sessions.for(features).features).toBe(features);
  });

  it("keeps steps and probes apart, in what is kept and in what serves the rest", async () => {
    const sessions = await make();
    const step = sessions.for(NO_FEATURES);
    const probe = sessions.for(NO_FEATURES, "probe");
    expect(probe.session.inputNames).toEqual(expect.arrayContaining(["positions", "bias"]));
    expect(step.session.inputNames).not.toContain("positions");
    expect(sessions.for(NO_FEATURES, "probe")).toBe(probe);
    expect(sessions.for(NO_FEATURES)).toBe(step);
    for (const features of [of("bank", "factors"), of("rows", "factors")]) sessions.for(features);
    // Four are kept, of whatever kind.
    const rest = [sessions.for(of("bank", "vectors"), "probe"), sessions.for(of("bank", "vectors"))];
    expect(rest.map(({ session }) => session.name)).toEqual([
      "probe-bank-factors-vectors-bottlenecks-any",
      "decode-bank-factors-vectors-bottlenecks-any",
    ]);
    expect(sessions.count).toBe(6);
  });

  it("keeps chunks that give every position apart from those that do not", async () => {
    const sessions = await make();
    const step = sessions.for(NO_FEATURES);
    const each = sessions.for(NO_FEATURES, "each");
    expect(each).not.toBe(step);
    expect(each.session.outputNames).toEqual(expect.arrayContaining(["each", "finals", "logits"]));
    expect(step.session.outputNames).not.toContain("each");
    expect(sessions.for(NO_FEATURES)).toBe(step);
    expect(sessions.for(NO_FEATURES, "each")).toBe(each);
  });

  it("runs a step of one row by a session that takes rows apart, where there is no other", async () => {
    const sessions = await make();
    const apart = sessions.for(NO_FEATURES, "apart");
    expect(sessions.for(NO_FEATURES, "step")).toBe(apart);
    expect(apart.kind).toBe("apart");
    const step = sessions.for(of("bank", "factors"), "step");
    expect(step.kind).toBe("step");
    // The other way round it would give other bits.
    expect(sessions.for(of("bank", "factors"), "apart")).not.toBe(step);
    expect(sessions.for(of("bank", "factors"), "step")).toBe(step);
    expect(sessions.made).toBe(3);
  });

  it("gives the room of exact sessions to those with everything, the idlest first", async () => {
    const sessions = await make();
    const exact = [NO_FEATURES, of("bank", "factors"), of("rows", "factors"), of("bank", "vectors")];
    const made = exact.map((features) => sessions.for(features).session);
    const isGone = () =>
      made.map((session) => {
        try {
          session.run({}, {});
        } catch (error) {
          return (error as Error).message.includes("was used after disposal");
        }
        return false;
      });
    sessions.for(NO_FEATURES);
    for (const layout of ["bank", "rows"] as const) sessions.for(of(layout, "output"));
    expect(isGone()).toEqual([false, false, false, false]);
    sessions.for(of("bank", "output"), "probe");
    expect(isGone()).toEqual([false, true, true, false]);
    sessions.for(of("rows", "output"), "probe");
    expect(isGone()).toEqual([true, true, true, true]);
    expect(sessions.count).toBe(4);
    expect(sessions.for(NO_FEATURES).features).toEqual(sessions.for(of("bank", "output")).features);
    expect(sessions.for(NO_FEATURES, "probe").session.inputNames).toContain("bias");
    expect(sessions.count).toBe(4);
    // Where they are of no use for long, exact ones come back: one of these gives its room to two.
    for (let run = 0; run < 600; run++) sessions.for(of("bank", "output"));
    expect(sessions.for(NO_FEATURES).features).toBe(NO_FEATURES);
    expect(sessions.count).toBe(5);
  });

  it("makes room for another when one was of no use for long", async () => {
    const sessions = await make();
    const [bare, idle] = [NO_FEATURES, of("rows", "factors")];
    for (const features of [idle, bare, of("bank", "factors"), of("bank", "vectors")]) sessions.for(features);
    const old = sessions.for(idle).session;
    for (let run = 0; run < 600; run++) sessions.for(bare);
    const wanted = of("bank", "output");
    expect(sessions.for(wanted).features).toBe(wanted);
    expect(sessions.count).toBe(4);
    const [other] = [of("bank", "factors"), of("bank", "vectors")].filter(
      (features) => sessions.for(features).features !== features,
    );
    expect(other).toBeUndefined();
    expect(() => old.run({}, {})).toThrow();
  });
});
