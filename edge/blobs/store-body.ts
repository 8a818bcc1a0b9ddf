import { messageOf, TrimtabError } from "../../shared/errors.ts";

export interface BodyTarget {
  readonly key: string;
  readonly request: Pick<Request, "body" | "headers">;
  /** What must arrive. */
  readonly bytes: number;
  readonly sha256: string;
  /** Leaves a blob that exists already as it is. */
  readonly createOnly: boolean;
}

/** How workerd reports a length, and R2 a digest, that differs from the one announced. Any other failure may be temporary. */
const WRONG_BODY = /FixedLengthStream|checksum you specified did not match|\(10037\)/;

/**
 * Streams a request's body to R2, which keeps it only if it has the announced length and digest. Returns whether it was
 * stored; false where `createOnly` found the key taken.
 *
 * @throws TrimtabError invalid_request where other bytes arrive, internal_error where the store does not take them; nothing is
 *   kept then.
 */
export async function storeBody(bucket: R2Bucket, target: BodyTarget): Promise<boolean> {
  const { key, bytes, sha256, createOnly, request } = target;
  const announced = request.headers.get("content-length");
  if (announced !== null && Number(announced) !== bytes) {
    throw new TrimtabError(
      "invalid_request",
      `The body has ${announced} bytes instead of the ${bytes} that were announced.`,
    );
  }
  const options: R2PutOptions = { sha256, ...(createOnly ? { onlyIf: { etagDoesNotMatch: "*" } } : {}) };
  const { readable, writable } = new FixedLengthStream(bytes);
  const piped = (request.body ?? new Blob([]).stream()).pipeTo(writable, { preventCancel: true });
  const [put, pipe] = await Promise.allSettled([bucket.put(key, readable, options), piped]);
  if (put.status === "fulfilled" && put.value === null) return false;
  if (put.status === "fulfilled" && pipe.status === "fulfilled") return true;
  const reasons: unknown[] = [put, pipe].flatMap((end) => (end.status === "rejected" ? [end.reason] : []));
  const wrong = reasons.find((reason) => WRONG_BODY.test(messageOf(reason)));
  if (wrong === undefined) {
    const message = `The bytes could not be stored. Send them again. (${reasons.map(messageOf).join(" ")})`;
    throw new TrimtabError("internal_error", message, { cause: reasons[0] });
  }
  throw new TrimtabError(
    "invalid_request",
    `The body is not the ${bytes} bytes with the SHA-256 ${sha256} that were announced. Send it again. (${messageOf(wrong)})`,
    { cause: wrong },
  );
}
