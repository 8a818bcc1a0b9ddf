import { z } from "zod";
import { ERROR_CODES, type ErrorCode, TrimtabError } from "../errors.ts";

export interface HttpError {
  readonly status: 400 | 401 | 403 | 404 | 405 | 408 | 409 | 413 | 422 | 424 | 429 | 500 | 503;
  readonly type: string;
}

const invalid = (status: HttpError["status"]): HttpError => ({ status, type: "invalid_request_error" });
const server = (status: HttpError["status"]): HttpError => ({ status, type: "server_error" });

/**
 * The HTTP form of each code. SDKs retry 408, 409, 429 and 5xx; a 409 that a retry cannot fix says so in `x-should-retry`.
 */
export const HTTP_ERRORS: Readonly<Record<ErrorCode, HttpError>> = {
  invalid_request: invalid(400),
  invalid_json: invalid(400),
  invalid_file: invalid(400),
  invalid_dataset: invalid(400),
  invalid_model: invalid(400),
  invalid_delta: invalid(400),
  invalid_graph: server(500),
  invalid_api_key: { status: 401, type: "authentication_error" },
  permission_denied: { status: 403, type: "permission_error" },
  not_found: invalid(404),
  model_not_found: invalid(404),
  method_not_allowed: invalid(405),
  conflict: { status: 409, type: "conflict_error" },
  idempotency_mismatch: invalid(422),
  stale_lease: { status: 409, type: "conflict_error" },
  payload_too_large: invalid(413),
  request_timeout: invalid(408),
  unsupported_parameter: invalid(400),
  context_length_exceeded: invalid(400),
  rate_limit_exceeded: { status: 429, type: "rate_limit_error" },
  capacity_exceeded: server(503),
  executor_missing: invalid(400),
  // Sent again, the request would pay for its tokens again, and the tenant's own server would still be as it is.
  scorer_failed: { status: 424, type: "external_connector_error" },
  // Of a model, a delta or a request of the tenant's own: sent again, it would come to the same.
  non_finite: invalid(400),
  corrupt_blob: server(500),
  cancelled: { status: 409, type: "conflict_error" },
  internal_error: server(500),
};

export const ErrorResponse = z
  .strictObject({
    error: z.strictObject({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.enum(ERROR_CODES),
    }),
  })
  .meta({ id: "Error" });
export type ErrorResponse = z.infer<typeof ErrorResponse>;

/** The body of an error response. Anything but a `TrimtabError` is a bug, and its message goes only to the log. */
export function errorResponse(error: unknown): ErrorResponse {
  const known =
    error instanceof TrimtabError
      ? error
      : new TrimtabError(
          "internal_error",
          "The server failed unexpectedly. Retry the request, or report its x-request-id.",
        );
  const { type } = HTTP_ERRORS[known.code];
  return { error: { message: known.message, type, param: known.param ?? null, code: known.code } };
}
