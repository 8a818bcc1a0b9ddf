/** Whether a command is about files on this machine or about uploaded ones. */
import { existsSync } from "node:fs";
import { TrimtabError } from "../../../shared/errors.ts";

const UPLOADED = /^file-[\w-]+$/;

/** Throws `invalid_request` where a format is said of uploaded files: theirs was settled when they were uploaded. */
export function requireNoFormat(format: string | undefined): void {
  if (format === undefined) return;
  const message = "--format is for files of this machine. Say it of a file of the server when you upload it.";
  throw new TrimtabError("invalid_request", message, { param: "format" });
}

/**
 * Whether all names are ids of uploaded files, and none is a file here.
 *
 * @throws TrimtabError invalid_request where some are and some are not
 */
export function areUploaded(names: readonly string[]): boolean {
  const uploaded = names.filter((name) => UPLOADED.test(name) && !existsSync(name));
  if (uploaded.length === 0) return false;
  const local = names.find((name) => !uploaded.includes(name));
  if (local === undefined) return true;
  const message = `${uploaded[0]} is an uploaded file and ${local} is not: name ids alone, or files of this machine alone.`;
  throw new TrimtabError("invalid_request", message);
}
