import type { Context, MiddlewareHandler } from "hono";
import { dropNulls } from "../../shared/api/drop-nulls.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import { joinBytes } from "../../shared/formats/join-bytes.ts";
import { parseStrictJson, type StrictJsonOptions } from "../../shared/formats/strict-json.ts";
import { formatPath } from "../../shared/issue-words.ts";
import { LIMITS } from "../../shared/limits.ts";
import { brokenBody } from "../blobs/broken-body.ts";
import { Pace } from "../pace/pace.ts";
import type { AppEnv } from "./app-env.ts";

/** Fields that hold JSON schemas wherever they are. */
const SCHEMAS: ReadonlySet<string> = new Set(["json_schema"]);

/** Steps to the foreign JSON of a body, such as `tools[0].function.parameters`, and some to spare. */
const LONGEST_NAME = 8;

/** Bytes that are parsed and checked in about a millisecond. */
const SMALL_BODY = 16 * 1024;

/** A body of token ids has half as many as it has bytes, and they cost little. */
const BODY_JSON: StrictJsonOptions = {
  maxValues: LIMITS.bodyValues,
  maxKeys: LIMITS.jsonKeys,
  tooMany: "payload_too_large",
};

/**
 * Reads a JSON body within its limit, whatever its `content-length` says, and leaves it for the validators. A property that is
 * null counts as absent, at any depth, so schemas need not allow null. An object that has a key twice is refused.
 */
export const jsonBody: MiddlewareHandler<AppEnv> = jsonBodyKeeping();

/** Like `jsonBody`, with further fields whose values are other people's JSON, in which null has a meaning. */
export function jsonBodyKeeping(...fields: readonly string[]): MiddlewareHandler<AppEnv> {
  const kept = new Set([...SCHEMAS, ...fields]);
  return async (c, next) => {
    const value = await readJson(c, kept);
    dropNulls(value, kept);
    await validate(c, value, next);
  };
}

/** Like `jsonBody`, for bodies of up to so many bytes. */
export function jsonBodyUpTo(limit: number): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const value = await readJson(c, SCHEMAS, limit);
    dropNulls(value, SCHEMAS);
    await validate(c, value, next);
  };
}

/** Like `jsonBody`, for schemas in which null has a meaning. */
export const jsonBodyWithNulls: MiddlewareHandler<AppEnv> = async (c, next) => {
  await validate(c, await readJson(c), next);
};

/** Like `jsonBody`, but null is kept in these fields of the body itself, where it means to take something away. */
export function jsonBodyKeepingNull(...fields: readonly string[]): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const value = await readJson(c);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    const kept = isObject ? fields.filter((field) => (value as Readonly<Record<string, unknown>>)[field] === null) : [];
    dropNulls(value, SCHEMAS);
    for (const field of kept) Object.assign(value as object, { [field]: null });
    await validate(c, value, next);
  };
}

/** For requests that need no body. Clients may send a content type with each request, so one without a body is told by its body. */
export const jsonBodyIfAny: MiddlewareHandler<AppEnv> = async (c, next) => {
  const empty = c.req.raw.body === null || c.req.header("content-length") === "0";
  if (c.req.header("content-type") !== undefined && !empty) return jsonBody(c, next);
  c.set("bodyDigest", await sha256Hex(new Uint8Array()));
  await validate(c, {}, next);
};

/** Hono reads the body through `json`, and must not read it a second time. */
async function validate(c: Context<AppEnv>, value: unknown, next: () => Promise<void>): Promise<void> {
  c.req.json = async <T>() => value as T;
  await next();
}

async function readJson(
  c: Context<AppEnv>,
  kept: ReadonlySet<string> = SCHEMAS,
  limit: number = LIMITS.jsonBody,
): Promise<unknown> {
  const type = c.req.header("content-type") ?? "";
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type)) {
    throw new TrimtabError("invalid_request", "Send the body as JSON, with `content-type: application/json`.");
  }
  const bytes = await readBounded(c.req.raw, limit);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch (error) {
    throw new TrimtabError("invalid_json", "The body is not UTF-8 text.", { cause: error });
  }
  c.set("bodyDigest", await sha256Hex(bytes));
  // What follows, up to the handler, runs in one piece.
  if (bytes.length > SMALL_BODY) await new Pace(c.var.caller?.id ?? "").turn();
  const value = parseStrictJson(text, "The body", "invalid_json", BODY_JSON);
  requireFlat(value, kept);
  return value;
}

/** Throws `invalid_request` for a body that nests too deep, naming the field of it, or the foreign JSON in `kept`, that does. */
function requireFlat(body: unknown, kept: ReadonlySet<string>): void {
  interface Open {
    readonly value: object;
    readonly depth: number;
    /** The path up to the field that an error names, and whether it is complete. */
    readonly path: readonly PropertyKey[];
    readonly named: boolean;
  }
  const open: Open[] = [];
  if (typeof body === "object" && body !== null) open.push({ value: body, depth: 1, path: [], named: false });
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth, path, named } = next;
    if (depth > LIMITS.jsonNesting) {
      const field = formatPath(named ? path : path.slice(0, 1));
      const where = field === "" ? "The body" : `\`${field}\``;
      const message = `${where} nests more than ${LIMITS.jsonNesting} levels deep; make it flatter.`;
      throw new TrimtabError("invalid_request", message, field === "" ? {} : { param: field });
    }
    const isList = Array.isArray(value);
    const look = (key: PropertyKey, inner: unknown): void => {
      if (typeof inner !== "object" || inner === null) return;
      const further = named || path.length >= LONGEST_NAME ? path : [...path, key];
      const isNamed = named || (typeof key === "string" && kept.has(key));
      open.push({ value: inner, depth: depth + 1, path: further, named: isNamed });
    };
    if (isList) for (const [at, inner] of value.entries()) look(at, inner);
    else for (const key of Object.keys(value)) look(key, Reflect.get(value, key));
  }
}

async function readBounded(request: Request, limit: number): Promise<Uint8Array> {
  const tooLarge = () =>
    new TrimtabError("payload_too_large", `The body is larger than ${limit} bytes. Send less at a time.`);
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: ReadableStream<Uint8Array> = request.body ?? new Blob([]).stream();
  try {
    for await (const chunk of body.values({ preventCancel: true })) {
      bytes += chunk.byteLength;
      if (bytes > limit) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof TrimtabError ? error : brokenBody(error);
  }
  return joinBytes(chunks);
}
