/** Replies that the front makes itself, in the form of all of the API's errors. */
import { STATUS_CODES } from "node:http";
import { errorResponse, HTTP_ERRORS } from "../../../shared/api/errors.ts";
import { type ErrorCode, TrimtabError } from "../../../shared/errors.ts";
import { DATA_HEADERS, SECURITY_HEADERS } from "../../../shared/security-headers.ts";

export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `status` differs from the code's own where HTTP has a better one, which no route answers with. */
export function refusal(code: ErrorCode, message: string, status: number = HTTP_ERRORS[code].status): Refusal {
  const body = JSON.stringify(errorResponse(new TrimtabError(code, message)));
  const headers: Record<string, string> = {
    ...SECURITY_HEADERS,
    ...DATA_HEADERS,
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
  };
  if (status === 503) headers["retry-after"] = "1";
  return { status, headers, body };
}

/** A whole reply as bytes, for a connection whose request could not be read. */
export function rawReply({ status, headers, body }: Refusal): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`;
}

/** What to tell a client whose request Node could not read, by Node's code. */
export function unreadable(code: string | undefined): Refusal {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return refusal(
        "payload_too_large",
        "The headers and the URL are larger than 16 KiB together. Send fewer of them.",
        431,
      );
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return refusal("payload_too_large", "The body's chunks have extensions of more than 16 KiB. Send none.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return refusal("request_timeout", "The request's headers took too long to arrive. Send the request again.");
    default: {
      const why = WHY[code ?? ""] ?? "it does not follow RFC 9112";
      return refusal("invalid_request", `The request is not valid HTTP/1.1: ${why}.`);
    }
  }
}

const WHY: Readonly<Record<string, string>> = {
  HPE_INVALID_METHOD: "its method is unknown",
  HPE_INVALID_URL: "its URL has characters that must be percent-encoded",
  HPE_INVALID_VERSION: "its version is not HTTP/1.1 or HTTP/1.0",
  HPE_INVALID_CONSTANT: "its first line names another protocol",
  HPE_INVALID_HEADER_TOKEN: "a header has a character that headers may not have",
  HPE_INVALID_CONTENT_LENGTH: "its content-length is not a number of bytes",
  HPE_UNEXPECTED_CONTENT_LENGTH: "it states its length twice, by content-length or beside transfer-encoding",
  HPE_INVALID_TRANSFER_ENCODING: "its transfer-encoding is not chunked",
  HPE_INVALID_CHUNK_SIZE: "a chunk of its body has a size that is not a number",
  HPE_INVALID_EOF_STATE: "it ends in the middle",
  HPE_LF_EXPECTED: "its lines do not end with CR and LF",
  HPE_CR_EXPECTED: "its lines do not end with CR and LF",
};
