import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { tfevents } from "../../../shared/formats/tfevents.ts";

/** Made once and read back with TensorBoard's own reader by tests/golden/tfevents.py, which stands beside it. */
const GOLDEN = join(import.meta.dirname, "../../golden/tfevents/events.out.tfevents.1796000000.golden");

it("writes the bytes that TensorBoard reads and writes", () => {
  const events = [
    { step: 1, at: 1796000000.25, scalars: { "train/loss": 1.5, "train/learning_rate": 0.001 } },
    { step: 300, at: 1796000001, scalars: { "train/loss": 0.25, "valid/loss": 0.5 } },
  ];
  expect(Buffer.from(tfevents(events))).toEqual(readFileSync(GOLDEN));
});

it("a file without events has its version alone", () => {
  expect(tfevents([]).length).toBe(16 + 9 + 2 + "brain.Event:2".length);
});
