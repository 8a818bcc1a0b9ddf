import type { CreateTenant, Key, Tenant as TenantInfo, Usage } from "../../../shared/api/admin.ts";
import type { FileObject } from "../../../shared/api/files.ts";
import type { Deleted, ListOf, Page } from "../../../shared/api/lists.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { DEFAULTS } from "../../../shared/limits.ts";
import { seconds } from "../database.ts";
import { claim, type Idempotency, settle, settleCreation } from "../idempotency.ts";
import { type Outcome, outcome } from "../outcome.ts";
import { type Allowance, MinuteBucket } from "../rate-limit.ts";
import { TenantCore } from "./core.ts";
import {
  beginFile,
  deleteFile,
  dropPendingFile,
  type FileFacts,
  fileOf,
  finishFile,
  listFiles,
  requireFile,
} from "./files.ts";
import { addKey, isKey, listKeys, revokeKey } from "./keys.ts";
import { createTenantTables } from "./schema.ts";
import type { BlobSource } from "./sources.ts";
import { addUsage, type Used, usageByDay } from "./usage.ts";

/** What a key may still do this minute. */
export interface Authorisation {
  readonly requests: Allowance;
  readonly tokens: Allowance;
  /** null: go ahead; otherwise which allowance is used up and when to come back. */
  readonly refused: { readonly what: "requests" | "tokens"; readonly retryMs: number } | null;
}

/** An upload that may begin: the file's id and where its bytes go. */
export interface NewFile {
  readonly id: string;
  readonly key: string;
}

/** The tenant itself, its keys, limits and use, and its files. */
export abstract class TenantAccount extends TenantCore {
  #buckets: { requests: MinuteBucket; tokens: MinuteBucket } | undefined;

  /** Makes the tenant; asked again under the same Idempotency-Key, it is found as it is. */
  create(tenant: CreateTenant, asked: Idempotency | null): Promise<Outcome<TenantInfo>> {
    return outcome(async () => {
      // The list of tenants comes first: a tenant that is not listed could never be found again.
      await this.dispatcher.noteTenant(tenant.id);
      return this.db.transaction(() => {
        if (this.db.has("tenant")) return this.#createdBefore(tenant.id, asked);
        createTenantTables(this.db);
        this.db.run(
          "INSERT INTO tenant (id, created_at, requests_per_minute, tokens_per_minute) VALUES (?, ?, ?, ?)",
          tenant.id,
          seconds(Date.now()),
          tenant.requests_per_minute ?? DEFAULTS.requestsPerMinute,
          tenant.tokens_per_minute ?? DEFAULTS.tokensPerMinute,
        );
        const info = this.tenant();
        if (asked !== null) {
          claim(this.db, { ...asked, staleMs: 0 }, Date.now());
          settleCreation(this.db, asked, info);
        }
        return info;
      });
    });
  }

  #createdBefore(id: string, asked: Idempotency | null): TenantInfo {
    const known = asked === null ? undefined : this.db.get("SELECT 1 FROM idempotency WHERE key = ?", asked.key);
    if (asked === null || known === undefined) {
      throw new TrimtabError("conflict", `The tenant ${id} exists already. Choose another id.`, { param: "id" });
    }
    claim(this.db, { ...asked, staleMs: 0 }, Date.now());
    return this.tenant();
  }

  info(): Promise<Outcome<TenantInfo>> {
    return outcome(() => this.tenant());
  }

  usage(): Promise<Outcome<Usage>> {
    return outcome(() => ({ object: "usage" as const, tenant: this.tenant().id, days: usageByDay(this.db) }));
  }

  /** Decides whether a key may do one more request. A tenant that does not exist looks like a wrong key. */
  authorise(hash: string, kind: "request" | "generation"): Promise<Outcome<Authorisation>> {
    return outcome(() => {
      if (!this.db.has("tenant") || !isKey(this.db, hash)) {
        throw new TrimtabError(
          "invalid_api_key",
          "The API key is wrong or was revoked. Send `authorization: Bearer` and a key that is valid.",
        );
      }
      const now = Date.now();
      const { requests, tokens } = this.#allowances(now);
      const tokenWait = kind === "generation" ? tokens.waitFor(1, now) : 0;
      const refused =
        tokenWait > 0
          ? ({ what: "tokens", retryMs: tokenWait } as const)
          : requests.take(1, now)
            ? null
            : ({ what: "requests", retryMs: requests.waitFor(1, now) } as const);
      return { requests: requests.allowance(now), tokens: tokens.allowance(now), refused };
    });
  }

  /** Counts what a finished generation used. */
  charge(used: Used): Promise<Outcome<void>> {
    return outcome(() => {
      const now = Date.now();
      this.#allowances(now).tokens.charge((used.promptTokens ?? 0) + (used.completionTokens ?? 0), now);
      addUsage(this.db, { requests: 1, ...used }, now);
    });
  }

  #allowances(now: number): { requests: MinuteBucket; tokens: MinuteBucket } {
    const limits = this.tenant();
    this.#buckets ??= {
      requests: new MinuteBucket(limits.requests_per_minute, now),
      tokens: new MinuteBucket(limits.tokens_per_minute, now),
    };
    return this.#buckets;
  }

  addKey(key: { name: string | null; hash: string; hint: string }): Promise<Outcome<Key>> {
    return outcome(() => {
      this.tenant();
      return this.db.transaction(() => addKey(this.db, { ...key, id: this.newId("key") }, Date.now()));
    });
  }

  /** The salt that belongs to an Idempotency-Key: `salt` the first time, the same one afterwards. */
  keySalt(asked: Idempotency, salt: string): Promise<Outcome<string>> {
    return outcome(() => {
      this.tenant();
      return this.db.transaction(() => {
        const before = claim(this.db, { ...asked, staleMs: 0 }, Date.now());
        if (before === undefined) settle(this.db, asked, { status: 200, body: salt });
        return before?.body ?? salt;
      });
    });
  }

  listKeys(page: Page): Promise<Outcome<ListOf<Key>>> {
    return outcome(() => {
      this.tenant();
      return listKeys(this.db, page);
    });
  }

  revokeKey(id: string): Promise<Outcome<Deleted>> {
    return outcome(() => {
      this.tenant();
      revokeKey(this.db, id);
      return { id, object: "key", deleted: true } as const;
    });
  }

  /** Records an upload that is about to begin, and says where its bytes go. */
  beginFile(): Promise<Outcome<NewFile>> {
    return outcome(async () => {
      const id = this.newId("file");
      const key = `tenants/${this.tenant().id}/files/${id}.jsonl`;
      this.db.transaction(() => beginFile(this.db, { id, blob: key }, Date.now()));
      await this.rearm();
      return { id, key };
    });
  }

  finishFile(id: string, facts: FileFacts, asked: Idempotency | null): Promise<Outcome<FileObject>> {
    return outcome(() =>
      this.db.transaction(() => {
        const file = finishFile(this.db, id, facts, Date.now());
        settleCreation(this.db, asked, file);
        return file;
      }),
    );
  }

  dropFile(id: string): Promise<Outcome<void>> {
    return outcome(async () => {
      this.db.transaction(() => dropPendingFile(this.db, id, Date.now()));
      await this.rearm();
    });
  }

  listFiles(page: Page & { order: "asc" | "desc" }): Promise<Outcome<ListOf<FileObject>>> {
    return outcome(() => listFiles(this.db, page));
  }

  file(id: string): Promise<Outcome<FileObject>> {
    return outcome(() => fileOf(requireFile(this.db, id, "file_id")));
  }

  fileSource(id: string): Promise<Outcome<BlobSource & { filename: string }>> {
    return outcome(() => {
      const { blob, bytes, sha256, filename } = requireFile(this.db, id, "file_id");
      return { key: blob, bytes, sha256, filename };
    });
  }

  deleteFile(id: string): Promise<Outcome<Deleted>> {
    return outcome(async () => {
      const deleted = this.db.transaction(() => deleteFile(this.db, id, Date.now()));
      await this.rearm();
      return deleted;
    });
  }
}
