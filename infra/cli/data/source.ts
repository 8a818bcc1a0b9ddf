/** Whether a command is about files on this machine or about uploaded ones. */
import { existsSync } from "node:fs";
import { TrimtabError } from "../../../shared/errors.ts";

const UPLOADED = /^file-[\w-]+$/;

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
