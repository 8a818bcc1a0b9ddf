import type { Tenant as TenantInfo } from "../../../shared/api/admin.ts";
import { type IdKind, newId, type RandomBytes } from "../../../shared/api/ids.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import type { Env } from "../../env.ts";
import type { Database } from "../database.ts";
import type { ReadyBase } from "../dispatcher/base-rows.ts";
import type { TenantsDispatcher } from "../dispatcher/for-tenants.ts";
import type { Calls, ObjectContext, ObjectModule } from "../module.ts";
import type { HostContext } from "../module-host.ts";
import { type Remote, remote, stubOf } from "../rpc.ts";
import { unknownModel } from "../unknown-model.ts";
import { JobSignals } from "./job-signals.ts";

/** One resource of a tenant. */
export interface TenantModule<K extends Calls> extends ObjectModule<TenantContext, K> {
  /**
   * Why a file cannot be deleted: a sentence that says what needs it and what to do. undefined if nothing in this module needs
   * it.
   */
  needsFile?(db: Database, file: string): string | undefined;
}

export function tenantModule<K extends Calls>(module: TenantModule<K>): TenantModule<K> {
  return module;
}

/** What the modules of a tenant share. Its methods are bound, so that a module can destructure those it uses. */
export class TenantContext implements ObjectContext {
  readonly db: Database;
  readonly signals = new JobSignals();
  readonly random: RandomBytes = (bytes) => crypto.getRandomValues(bytes);
  readonly now: () => number;
  readonly rearm: (pauseMs?: number) => Promise<void>;
  readonly createTables: () => void;
  readonly #env: () => Env;
  readonly #modules: Readonly<Record<string, Pick<TenantModule<Calls>, "schema" | "needsFile">>>;

  constructor(
    host: HostContext,
    env: () => Env,
    modules: Readonly<Record<string, Pick<TenantModule<Calls>, "schema" | "needsFile">>>,
  ) {
    this.db = host.db;
    this.now = host.now;
    this.rearm = host.rearm;
    this.createTables = host.updateSchema;
    this.#env = env;
    this.#modules = modules;
  }

  get env(): Env {
    return this.#env();
  }

  get dispatcher(): Remote<TenantsDispatcher> {
    return remote<TenantsDispatcher>(stubOf(this.env.DISPATCHER, "dispatcher"));
  }

  readonly newId = (kind: IdKind): string => newId(kind, this.random);

  readonly isCreated = (): boolean => this.db.has("tenant");

  /** @throws TrimtabError not_found where the tenant was never created: then there are no tables either. */
  readonly tenant = (): TenantInfo => {
    const row = this.isCreated() ? this.db.get<Omit<TenantInfo, "object">>("SELECT * FROM tenant") : undefined;
    if (row === undefined) throw new TrimtabError("not_found", "There is no such tenant.", { param: "tenant" });
    return { ...row, object: "tenant" };
  };

  readonly requireCreated = (): void => void this.tenant();

  /** A base model that can be used. Throws model_not_found for any other. */
  readonly readyBase = async (id: string): Promise<ReadyBase> => {
    const base = await this.dispatcher.bases.ready(id);
    if (base === null) throw unknownModel(id);
    return base;
  };

  /** @throws TrimtabError conflict while a row of any module needs the file. */
  readonly requireFileUnused = (file: string): void => {
    for (const { needsFile } of Object.values(this.#modules)) {
      const why = needsFile?.(this.db, file);
      if (why !== undefined) throw new TrimtabError("conflict", why);
    }
  };
}
