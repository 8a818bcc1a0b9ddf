/** How long a request waits for something to end. */
import { z } from "zod";

/** Seconds that a request waits where `wait` is true, and at most. */
const DEFAULT_SECONDS = 60;
const MOST_SECONDS = 300;

export const Wait = z.union([z.boolean(), z.number().min(0).max(MOST_SECONDS)]).meta({
  description: `Answer when it has ended, or after so many seconds with what it is then; true: ${DEFAULT_SECONDS} seconds`,
});

/** `wait` of a query: `true`, `false` or seconds. */
export const WaitQuery = z.strictObject({
  wait: z
    .string()
    .regex(/^(?:true|false|\d{1,3}(?:\.\d{1,3})?)$/, "must be true, false, or a number of seconds")
    .transform((text) => (text === "true" ? true : text === "false" ? false : Number(text)))
    .pipe(Wait)
    .optional(),
});

/** Milliseconds that a request waits at most. */
export function waitMs(wait: boolean | number | undefined): number {
  if (wait === undefined || wait === false) return 0;
  return 1000 * (wait === true ? DEFAULT_SECONDS : wait);
}
