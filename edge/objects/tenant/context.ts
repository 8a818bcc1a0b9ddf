import type { Tenant as TenantInfo } from "../../../shared/api/admin.ts";
import { type IdKind, newId, type RandomBytes } from "../../../shared/api/ids.ts";
import type { BaseStatus } from "../../../shared/api/models.ts";
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

/** The state of a base, by its id and, where the asker was made for one version of it, its digest. */
export type StatusOf = (base: { readonly id: string; readonly digest?: string | undefined }) => BaseStatus;

/** One resource of a tenant. */
export interface TenantModule<K extends Calls> extends ObjectModule<TenantContext, K> {
  /**
   * Why a file cannot be deleted: a sentence that says what needs it and what to do. undefined if nothing in this module needs
   * it.
   */
  needsFile?(db: Database, file: string): string | undefined;
  /** The same for a model of the tenant's. */
  needsModel?(db: Database, model: string): string | undefined;
}

type Needs = Pick<TenantModule<Calls>, "schema" | "needsFile" | "needsModel">;

export function tenantModule<K extends Calls>(module: TenantModule<K>): TenantModule<K> {
  return module;
}

/** What the modules of a tenant share. Its methods are bound, so that a module can destructure those it uses. */
export class TenantContext implements ObjectContext {
  readonly db: Database;
  readonly signals = new JobSignals();
  readonly random: RandomBytes;
  readonly now: () => number;
  readonly rearm: (pauseMs?: number) => Promise<void>;
  readonly createTables: () => void;
  readonly #env: () => Env;
  readonly #modules: Readonly<Record<string, Needs>>;

  constructor(host: HostContext, env: () => Env, modules: Readonly<Record<string, Needs>>) {
    this.db = host.db;
    this.now = host.now;
    this.random = host.random;
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

  /** Tells whether bases can still be used; asked once for all of them. */
  readonly baseStatuses = async (): Promise<StatusOf> => {
    const digests = await this.dispatcher.bases.digests();
    return ({ id, digest }) => {
      const now = digests[id];
      if (now === undefined) return "deleted";
      return digest === undefined || digest === now ? "available" : "replaced";
    };
  };

  /** @throws TrimtabError conflict while a row of any module needs the file. */
  readonly requireFileUnused = (file: string): void => {
    for (const { needsFile } of Object.values(this.#modules)) {
      const why = needsFile?.(this.db, file);
      if (why !== undefined) throw new TrimtabError("conflict", why);
    }
  };

  /** @throws TrimtabError conflict while a row of any module needs one of the tenant's models. */
  readonly requireModelUnused = (model: string): void => {
    for (const { needsModel } of Object.values(this.#modules)) {
      const why = needsModel?.(this.db, model);
      if (why !== undefined) throw new TrimtabError("conflict", why, { param: "model" });
    }
  };
}
