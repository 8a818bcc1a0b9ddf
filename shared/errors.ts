/**
 * The one error class of the project.
 *
 * Every failure that a person or a client can act on is a `TrimtabError`: `code` gives the kind (a closed union, so
 * that the HTTP status table in `shared/api/errors.ts` is total), the message says what was wrong and what to do, and
 * `param` names the offending request field, if any.
 */
export const ERROR_CODES = [
  "invalid_request",
  "invalid_json",
  "invalid_file",
  "invalid_dataset",
  "invalid_model",
  "invalid_delta",
  "invalid_graph",
  "invalid_api_key",
  "permission_denied",
  "not_found",
  "model_not_found",
  "method_not_allowed",
  "conflict",
  "idempotency_mismatch",
  "stale_lease",
  "payload_too_large",
  "request_timeout",
  "unsupported_parameter",
  "context_length_exceeded",
  "rate_limit_exceeded",
  "capacity_exceeded",
  "executor_missing",
  "scorer_failed",
  "non_finite",
  "corrupt_blob",
  "cancelled",
  "internal_error",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface ErrorDetails {
  /** The request field or configuration key to change. */
  readonly param?: string;
  readonly cause?: unknown;
  /** Facts a person can act on: op, node, expected, got, line number. */
  readonly data?: Readonly<Record<string, unknown>>;
}

export class TrimtabError extends Error {
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "TrimtabError";
    this.code = code;
    this.param = details.param;
    this.data = details.data ?? {};
  }
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
