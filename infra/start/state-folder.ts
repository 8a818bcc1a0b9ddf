/** The one folder that holds everything a stack keeps: storage, logs, secrets and the lock that one stack at a time holds. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { TrimtabError } from "../../shared/errors.ts";

export const DEFAULT_STATE = join(import.meta.dirname, "../../.trimtab");

const LARGEST_LOG = 8 << 20;

/** Raised with every change of the tables and of the files that deltas are kept in, which no stack reads as they were before. */
const FORMAT = 2;

const Secrets = z.strictObject({ admin_token: z.string().min(32), trainer_token: z.string().min(32) });
export type Secrets = z.infer<typeof Secrets>;

const Format = z.strictObject({ format: z.int().positive() });
const Lock = z.strictObject({ pid: z.int().positive() });

export class StateFolder {
  readonly path: string;

  /** Creates the folder where it is missing. */
  constructor(path: string) {
    this.path = resolve(path);
    mkdirSync(this.path, { recursive: true });
  }

  file(name: string): string {
    return join(this.path, name);
  }

  folder(name: string): string {
    const folder = join(this.path, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** Where a process logs. A file that has grown too large is put aside as `.old`, over the one before it. */
  logFile(name: string): string {
    const file = join(this.folder("logs"), `${name}.log`);
    if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LARGEST_LOG) renameSync(file, `${file}.old`);
    return file;
  }

  /** The tokens of this folder's server, random at the first call and the same from then on. */
  secrets(): Secrets {
    const known = this.readJson("secrets.json", Secrets);
    if (known !== undefined) return known;
    const token = (): string => randomBytes(32).toString("base64url");
    const secrets = { admin_token: token(), trainer_token: token() };
    this.writePrivateJson("secrets.json", secrets);
    return secrets;
  }

  /**
   * What an earlier run kept under this name; undefined where there is nothing.
   *
   * @throws TrimtabError invalid_file where the file is not what was written.
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

  /** Readable by the owner alone, and replaced in one step. */
  writePrivateJson(name: string, value: unknown): void {
    const partial = this.file(`${name}.${process.pid}.partial`);
    writeFileSync(partial, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
    renameSync(partial, this.file(name));
  }

  /**
   * Makes this process the folder's only user, until it calls the returned function or ends. Two servers over one database
   * would damage it, and so would one that expects other tables.
   *
   * @throws TrimtabError conflict where another process has the folder, or another version of Trimtab has filled it.
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
    // The first version did not say so.
    const kept = this.readJson("format.json", Format)?.format ?? (existsSync(this.file("storage")) ? 1 : undefined);
    if (kept !== undefined && kept !== FORMAT) {
      throw new TrimtabError(
        "conflict",
        `${this.path} is in format ${kept}, and this version of Trimtab keeps format ${FORMAT}. Set TRIMTAB_STATE to another folder, or delete this one with everything in it.`,
        { data: { format: kept } },
      );
    }
    if (kept === undefined) this.writePrivateJson("format.json", { format: FORMAT });
  }
}

/** Whether a process lives and, where the system tells, is one of ours: a number is used again after its process ended. */
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
