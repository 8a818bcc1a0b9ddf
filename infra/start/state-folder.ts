/** The folder with all of a stack's data: storage, logs, secrets, and a lock that admits one stack at a time. */
import { randomBytes } from "node:crypto";
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { TrimtabError } from "../../shared/errors.ts";

export const DEFAULT_STATE = join(import.meta.dirname, "../../.trimtab");

const SECRETS = "secrets.json";

/** Bump on every incompatible change to the tables or the stored delta files; there is no migration. */
const FORMAT = 2;

const Secrets = z.strictObject({ admin_token: z.string().min(32), trainer_token: z.string().min(32) });
export type Secrets = z.infer<typeof Secrets>;

const Format = z.strictObject({ format: z.int().positive() });
const Lock = z.strictObject({ pid: z.int().positive() });

/**
 * Creates a folder and those above it. One by one: with `recursive`, Node tries forever where a file system refuses a folder
 * with ENOENT, as /proc does.
 */
function createFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(path);
  if (!existsSync(parent)) createFolder(parent);
  mkdirSync(path);
}

/** For its owner alone: tenants' data, logs, and secrets are in it. */
const PRIVATE = 0o700;
const OF_OTHERS = 0o077;
const STICKY = 0o1000;

/**
 * Takes a folder's permissions from other users. A folder with other things in it is left alone, because they may be other people's;
 * the folders that the stack makes inside it are private all the same.
 */
function keepPrivate(path: string, { isOurs }: { readonly isOurs: boolean }): string | undefined {
  // Windows has no such permissions.
  if (process.platform === "win32") return undefined;
  const { mode } = statSync(path);
  if ((mode & OF_OTHERS) === 0) return undefined;
  const isShared = (mode & STICKY) !== 0 || (!isOurs && readdirSync(path).length > 0);
  if (!isShared) {
    try {
      chmodSync(path, PRIVATE);
      return isOurs ? `Other users of this machine could read ${path}. They no longer can.` : undefined;
    } catch {
      // The folder belongs to somebody else.
    }
  }
  return `Other users of this machine can look into ${path}. Set TRIMTAB_STATE to a folder of its own.`;
}

export class StateFolder {
  readonly path: string;
  /** Whether no stack has used the folder before: its secrets and its data start from nothing. */
  readonly isNew: boolean;
  /** What was done about other users who could read the folder, or has to be; undefined where none could. */
  readonly notice: string | undefined;

  /**
   * Creates the folder if it is missing.
   *
   * @throws TrimtabError invalid_request if it cannot be created or written.
   */
  constructor(path: string) {
    this.path = resolve(path);
    try {
      createFolder(this.path);
      accessSync(this.path, constants.W_OK | constants.X_OK);
    } catch (cause) {
      throw unusable(this.path, cause as NodeJS.ErrnoException);
    }
    this.isNew = !existsSync(this.file(SECRETS));
    this.notice = keepPrivate(this.path, { isOurs: !this.isNew });
  }

  /**
   * The folder of a stack that has run before.
   *
   * @throws TrimtabError not_found if there is none, as after a typing error in TRIMTAB_STATE.
   */
  static existing(path: string): StateFolder {
    if (existsSync(join(path, SECRETS))) return new StateFolder(path);
    throw new TrimtabError(
      "not_found",
      `${resolve(path)} is not the state folder of a stack: it has no ${SECRETS}. Check TRIMTAB_STATE, or start the stack with \`npm run serve\` first.`,
      { param: "TRIMTAB_STATE" },
    );
  }

  file(name: string): string {
    return join(this.path, name);
  }

  folder(name: string): string {
    const folder = join(this.path, name);
    mkdirSync(folder, { recursive: true, mode: PRIVATE });
    return folder;
  }

  /** Path of a process's log. */
  logFile(name: string): string {
    return join(this.folder("logs"), `${name}.log`);
  }

  /** The tokens of this folder's server: generated on the first call, and the same from then on. */
  secrets(): Secrets {
    const existing = this.readJson(SECRETS, Secrets);
    if (existing !== undefined) return existing;
    const token = (): string => randomBytes(32).toString("base64url");
    const secrets = { admin_token: token(), trainer_token: token() };
    this.writePrivateJson(SECRETS, secrets);
    return secrets;
  }

  /**
   * Reads what an earlier run wrote under this name; undefined if there is nothing.
   *
   * @throws TrimtabError invalid_file if the file is damaged.
   */
  readJson<T>(name: string, schema: z.ZodType<T>): T | undefined {
    let text: string;
    try {
      text = readFileSync(this.file(name), "utf8");
    } catch {
      return undefined;
    }
    try {
      return schema.parse(JSON.parse(text));
    } catch (cause) {
      throw new TrimtabError(
        "invalid_file",
        `${this.file(name)} is damaged. Delete it, or use another TRIMTAB_STATE.`,
        {
          cause,
        },
      );
    }
  }

  /** Replaces a file atomically; only its owner can read it. */
  writePrivateJson(name: string, value: unknown): void {
    const partial = this.file(`${name}.${process.pid}.partial`);
    writeFileSync(partial, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
    renameSync(partial, this.file(name));
  }

  /**
   * Gives this process exclusive use of the folder until it calls the returned function or exits. Two servers on one database
   * would corrupt it, and so would one that expects other tables.
   *
   * @throws TrimtabError conflict if another process uses the folder, or if it belongs to an incompatible version of Trimtab.
   */
  lock(): () => void {
    const holder = this.readJson("lock.json", Lock)?.pid;
    if (holder !== undefined && holder !== process.pid && isStack(holder)) {
      throw new TrimtabError(
        "conflict",
        `Process ${holder} is already running a stack in ${this.path}. Stop it, or set TRIMTAB_STATE to another folder.`,
        { data: { pid: holder } },
      );
    }
    this.#requireFormat();
    this.writePrivateJson("lock.json", { pid: process.pid });
    return () => rmSync(this.file("lock.json"), { force: true });
  }

  #requireFormat(): void {
    // Format 1 did not record its number.
    const found = this.readJson("format.json", Format)?.format ?? (existsSync(this.file("storage")) ? 1 : undefined);
    if (found !== undefined && found !== FORMAT) {
      throw new TrimtabError(
        "conflict",
        `${this.path} has format ${found}, but this version of Trimtab uses format ${FORMAT}. Set TRIMTAB_STATE to another folder, or delete this one with everything in it.`,
        { data: { format: found } },
      );
    }
    if (found === undefined) this.writePrivateJson("format.json", { format: FORMAT });
  }
}

const WHY: Readonly<Record<string, string>> = {
  ENOTDIR: "a part of its path is a file",
  EEXIST: "it is a file",
  EACCES: "this user may not write there",
  EPERM: "this user may not write there",
  EROFS: "its disk is read-only",
  ENOSPC: "its disk is full",
};

function unusable(path: string, cause: NodeJS.ErrnoException): TrimtabError {
  const why = WHY[cause.code ?? ""] ?? cause.message;
  return new TrimtabError(
    "invalid_request",
    `${path} cannot be the state folder: ${why}. Set TRIMTAB_STATE to a folder that can be written.`,
    { param: "TRIMTAB_STATE", cause },
  );
}

/** Whether a process is running and, if the system can tell, is a Trimtab stack: process ids are reused. */
function isStack(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("infra/start/");
  } catch {
    return true;
  }
}
