import { describe, expect, it } from "vitest";
import { distance, toArray64, toTensor } from "./array64.ts";
import { EXECUTORS } from "./executors.ts";
import { interpret } from "./interpreter.ts";
import { everyCase, namedInputs, opGraph } from "./single-op.ts";

/** Executors compute in float32: 2⁻²⁴ per rounding, and a few dozen roundings in the longest case. */
const TOLERANCE = 3e-6;

describe.each(EXECUTORS)("every op on %s", async (_, create) => {
  const executor = await create();

  it.each(everyCase())("$op $name", async ({ op, opCase }) => {
    const graph = opGraph(op, opCase);
    const expected = interpret(graph, namedInputs(opCase.inputs));
    const program = await executor.compile(graph);
    try {
      const results = await program.run(namedInputs(opCase.inputs.map((input) => toTensor(input.dtype, input))));
      for (const { name, value } of graph.outputs) {
        expect(results[name]!.dtype).toBe(value.dtype);
        expect(distance(toArray64(results[name]!), expected[name]!), name).toBeLessThan(TOLERANCE);
      }
    } finally {
      await program.dispose();
    }
  });
});
