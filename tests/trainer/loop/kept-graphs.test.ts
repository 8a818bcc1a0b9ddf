import { expect, it } from "vitest";
import { keptGraph } from "../../../trainer/loop/kept-graphs.ts";
import { ADAMW_DEFAULTS, adamwGraph } from "../../../trainer/optim/adamw.ts";
import { PARAMETERS } from "./regression.ts";

it("is one object for the same parameters, settings and name, and another for any other", () => {
  const optimizer = { ...ADAMW_DEFAULTS };
  const of = (parameters = PARAMETERS, settings = optimizer, name = "adamw") =>
    keptGraph({ parameters, optimizer: settings }, name, () => adamwGraph(parameters, settings));
  expect(of()).toBe(of());
  const others = [of([...PARAMETERS]), of(PARAMETERS, { ...optimizer }), of(PARAMETERS, optimizer, "other")];
  expect(new Set([of(), ...others]).size).toBe(4);
});
