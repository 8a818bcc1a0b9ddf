import { z } from "zod";
import type { Example } from "../example.ts";

/** One way in which people write the lines of a dataset: a file and a row in the registry. */
export interface LineFormat {
  /** What messages call it. */
  readonly name: string;
  /** The fields by which a line is known to be of this format. */
  readonly keys: readonly string[];
  /** Checks a line and makes the example of it; fields that it does not name are refused. */
  readonly schema: z.ZodType<Example>;
}

export const MAX_MESSAGES = 1000;

const label = z.union([z.string(), z.number(), z.boolean(), z.null()]).optional();

/** Columns that datasets of these kinds carry beside what is trained on. */
export const labels = <const N extends string>(...names: N[]): Record<N, typeof label> =>
  Object.fromEntries(names.map((name) => [name, label])) as Record<N, typeof label>;

/** The labels that datasets of any kind may have. */
export const COMMON_LABELS = labels("id", "source", "category", "dataset");
