import type { OpSpecs } from "./cases.ts";
import { ELEMENTWISE } from "./specs/elementwise.ts";
import { INDEXING } from "./specs/indexing.ts";
import { LINEAR } from "./specs/linear.ts";
import { MODEL } from "./specs/model.ts";
import { REDUCTIONS } from "./specs/reductions.ts";
import { SHAPE } from "./specs/shape.ts";

/**
 * The executable specification: what every op computes, in float64, and the cases on which every executor and gradient rule is
 * checked against it. The table is total, so a new op does not compile until it has a row, and is then tested everywhere.
 */
export const OP_SPEC: OpSpecs = { ...ELEMENTWISE, ...LINEAR, ...REDUCTIONS, ...SHAPE, ...INDEXING, ...MODEL };
