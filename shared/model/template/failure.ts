/**
 * The errors of chat templates.
 */
import { TrimtabError } from "../../errors.ts";

/** The error for a template that cannot be used, fails or exceeds a limit. */
export function failure(problem: string, cause?: unknown): TrimtabError {
  return new TrimtabError("invalid_model", `the model's chat template ${problem}`, { cause });
}

/** An error that Python would raise while a template runs; the interpreter adds the line. */
export class PythonError extends Error {
  override name = "PythonError";
}

/** An operation that has no counterpart here, such as printing an object's address. */
export class UnsupportedError extends PythonError {
  override name = "UnsupportedError";
}
