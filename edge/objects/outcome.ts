import { type ErrorCode, TrimtabError } from "../../shared/errors.ts";

/**
 * What an object returns over RPC. An exception would arrive as a bare `Error` without its code and break the stub; a value
 * arrives whole.
 */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly param: string | null;
      readonly data: Readonly<Record<string, unknown>>;
    };

/** Runs a method's body and turns what it throws into an outcome. Anything but a `TrimtabError` is logged here. */
export async function outcome<T>(body: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await body() };
  } catch (error) {
    if (!(error instanceof TrimtabError)) {
      console.error("unexpected error in a Durable Object", error);
      return {
        ok: false,
        code: "internal_error",
        message: "The server made a mistake. Send the request again.",
        param: null,
        data: {},
      };
    }
    return { ok: false, code: error.code, message: error.message, param: error.param ?? null, data: error.data };
  }
}

/** The value of a call; rethrows its error on this side. */
export async function unwrap<T>(call: Promise<Outcome<T>>): Promise<T> {
  const result = await call;
  if (result.ok) return result.value;
  const { code, message, param, data } = result;
  throw new TrimtabError(code, message, param === null ? { data } : { param, data });
}
