import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

/** Fills `bytes` with random values and returns it: `crypto.getRandomValues` in production, a seeded source in tests. */
export type RandomBytes = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array;

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

export const ID_PREFIXES = {
  job: "ftjob-",
  file: "file-",
  checkpoint: "ftckpt_",
  permission: "cp_",
  event: "ftevent-",
  delta: "delta-",
  edit: "edit-",
  key: "key_",
  request: "req_",
  chat: "chatcmpl-",
  completion: "cmpl-",
  response: "resp_",
  message: "msg_",
  call: "call_",
  functionCall: "fc_",
  feedback: "fdbk_",
  labelProject: "labproj_",
  labelTask: "labtask_",
  label: "label_",
  eval: "eval_",
  evalRun: "evalrun_",
  evalItem: "outputitem_",
} as const;

export type IdKind = keyof typeof ID_PREFIXES;

/** Uniformly distributed letters and digits. Bytes from 248 up are rejected, so that 62 divides the number of values. */
export function randomText(length: number, random: RandomBytes): string {
  let text = "";
  while (text.length < length) {
    for (const byte of random(new Uint8Array(length))) {
      if (byte < 248 && text.length < length) text += ALPHABET[byte % 62];
    }
  }
  return text;
}

export function newId(kind: IdKind, random: RandomBytes): string {
  return ID_PREFIXES[kind] + randomText(24, random);
}

/** A tenant's id is part of its keys and its models' names, so it must not contain `_` or `:`. */
export const TenantId = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, "must be 1 to 32 lower-case letters, digits and inner dashes")
  .meta({ description: "A tenant's id", example: "demo" });

/** A base model's id; Hugging Face's `owner/name` is allowed. */
export const BaseId = z
  .string()
  .max(96)
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:\/[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)?$/,
    "must be letters, digits, `.`, `_` and `-`, optionally as `owner/name`",
  )
  .refine((id) => !id.includes(".."), "must not contain `..`")
  .meta({ description: "A base model's id", example: "trimtab-base" });

/** The user's label for a model, which becomes part of its name. */
export const Suffix = z
  .string()
  .min(1)
  .max(LIMITS.suffix)
  .regex(/^[A-Za-z0-9_-]+$/, "must be letters, digits, `-` and `_`");

export const Digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/, "must be a SHA-256 digest of 64 lower-case hexadecimal digits")
  .meta({ description: "SHA-256, lower-case hexadecimal" });

const KEY = /^tt_([a-z0-9-]{1,32})_([0-9A-Za-z]{43})$/;

/** An API key contains its tenant's id, so that no global table of keys is needed. */
export function formatKey(tenant: string, secret: string): string {
  return `tt_${tenant}_${secret}`;
}

/** 43 characters out of 62 give 256 bits. */
export function newSecret(random: RandomBytes): string {
  return randomText(43, random);
}

/** Splits an API key into its parts; undefined if it does not have the form of a key. */
export function parseKey(key: string): { tenant: string; secret: string } | undefined {
  const match = KEY.exec(key);
  const [, tenant, secret] = match ?? [];
  return tenant === undefined || secret === undefined ? undefined : { tenant, secret };
}

/** Characters of a job id (of 62) or a digest (of 16) in a name: 48 bits each, so that names do not collide by chance. */
const SHORT_JOB = 8;
const SHORT_DIGEST = 12;

/**
 * The name of a fine-tuned model: `ft:{base}:{tenant}:{suffix}:{id}`, with the first characters of the id of the job that
 * made it, or of the digest of its files.
 */
export function fineTunedName(options: { base: string; tenant: string; suffix: string | null; id: string }): string {
  const letters = Digest.safeParse(options.id).success ? SHORT_DIGEST : SHORT_JOB;
  const shortId = options.id.replace(ID_PREFIXES.job, "").slice(0, letters);
  if (shortId.length < letters)
    throw new TrimtabError("invalid_request", `\`${options.id}\` is too short to be an id.`);
  return `ft:${options.base}:${options.tenant}:${options.suffix ?? ""}:${shortId}`;
}

/** The name of one of a job's checkpoints. */
export function checkpointName(fineTuned: string, step: number): string {
  return `${fineTuned}:ckpt-step-${step}`;
}
