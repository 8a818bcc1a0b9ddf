/**
 * The global variables of chat templates, and a Python string method that the Jinja library does not fully implement.
 */
import { Environment } from "@huggingface/jinja";
import { TrimtabError } from "../errors.ts";

const MAX_RANGE = 10_000;

/** The error for a template that fails or exceeds a limit. */
export function failure(problem: string, cause?: unknown): TrimtabError {
  return new TrimtabError("invalid_model", `the model's chat template ${problem}`, { cause });
}

/** The variables that every template can use. `date` replaces the clock. */
export function templateGlobals(date: Date): Environment {
  const environment = new Environment();
  const constants = { true: true, True: true, false: false, False: false, none: null, None: null };
  for (const [name, value] of Object.entries(constants)) environment.set(name, value);
  environment.set("raise_exception", (message: unknown) => {
    throw new TrimtabError("invalid_request", `the model's chat template rejects the messages: ${String(message)}`, {
      param: "messages",
    });
  });
  environment.set("range", boundedRange);
  environment.set("strftime_now", (format: unknown) => formatDate(date, String(format)));
  return environment;
}

function boundedRange(first: unknown, second?: unknown, third?: unknown): number[] {
  const [start, stop, step] = second === undefined ? [0, first, 1] : [first, second, third ?? 1];
  if (typeof start !== "number" || typeof stop !== "number" || typeof step !== "number" || step === 0) {
    throw failure("calls range with arguments that are not numbers, or with a step of zero");
  }
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (!(count <= MAX_RANGE)) throw failure(`calls range for ${count} numbers; at most ${MAX_RANGE} are allowed`);
  return Array.from({ length: count }, (_, index) => start + index * step);
}

const MONTHS = "January February March April May June July August September October November December".split(" ");

function formatDate(date: Date, format: string): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const month = MONTHS[date.getUTCMonth()]!;
  const fields: Record<string, string> = {
    Y: String(date.getUTCFullYear()),
    m: two(date.getUTCMonth() + 1),
    d: two(date.getUTCDate()),
    b: month.slice(0, 3),
    B: month,
    H: two(date.getUTCHours()),
    M: two(date.getUTCMinutes()),
    "%": "%",
  };
  return format.replace(/%([YmdbBHM%])/g, (_, field: string) => fields[field]!);
}

/** Python's `strip`, `lstrip` or `rstrip` with an argument: removes any of `characters` from the ends. */
export function stripCharacters(text: string, characters: string, method: string): string {
  const set = new Set(characters);
  let start = 0;
  let end = text.length;
  if (method !== "rstrip") while (start < end && set.has(text[start]!)) start++;
  if (method !== "lstrip") while (end > start && set.has(text[end - 1]!)) end--;
  return text.slice(start, end);
}
