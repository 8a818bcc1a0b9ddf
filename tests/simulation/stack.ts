/** A Dispatcher and two tenants in a simulated world, each with a file to train on. Built once; every seed starts from there. */
import type { Env } from "../../edge/env.ts";
import type { Database } from "../../edge/objects/database.ts";
import { DISPATCHER_MODULES } from "../../edge/objects/dispatcher/modules.ts";
import { ModuleHost } from "../../edge/objects/module-host.ts";
import { TenantContext } from "../../edge/objects/tenant/context.ts";
import { beginFile, finishFile } from "../../edge/objects/tenant/files.ts";
import { TENANT_MODULES } from "../../edge/objects/tenant/modules.ts";
import { type SimulatedObject, World } from "./world.ts";

export const TENANTS = ["ann", "ben"] as const;
export const FILE = "file-1";

export interface SimulatedStack {
  readonly world: World;
  readonly dispatcher: SimulatedObject;
  readonly tenants: ReadonlyMap<string, SimulatedObject>;
}

export async function buildStack(): Promise<SimulatedStack> {
  const world = new World();
  const namespace = (of: (name: string) => SimulatedObject, from: () => SimulatedObject) =>
    ({ idFromName: (name: string) => name, get: (name: string) => of(name).calledBy(from()) }) as never;
  const envOf = (from: () => SimulatedObject): Env => ({
    TENANT: namespace((name) => world.objects.get(name)!, from),
    DISPATCHER: namespace(() => world.objects.get("dispatcher")!, from),
    ENGINE: undefined as never,
    BLOBS: {
      list: async () => ({ objects: [], truncated: false }),
      delete: async () => {},
      put: async () => {},
    } as never,
  });
  const dispatcher = world.add("dispatcher", (storage, rim) => {
    const env = envOf(() => dispatcher);
    return new ModuleHost(
      storage as never,
      DISPATCHER_MODULES,
      ({ updateSchema, ...host }) => {
        updateSchema();
        return { ...host, requireCreated() {}, env };
      },
      rim,
    );
  });
  const tenants = new Map<string, SimulatedObject>();
  for (const id of TENANTS) {
    const tenant = world.add(id, (storage, rim) => {
      const env = envOf(() => tenant);
      return new ModuleHost(
        storage as never,
        TENANT_MODULES,
        (host) => new TenantContext(host, () => env, TENANT_MODULES),
        rim,
      );
    });
    tenants.set(id, tenant);
    const created = tenant.calledBy(null).invoke("account", "create", [{ id }, null]);
    await world.runUntil(world.time + 1_000);
    if (!(await created).ok) throw new Error(`the tenant ${id} could not be created`);
    addFile((tenant.host.context as TenantContext).db);
  }
  await world.runUntil(world.time + 60_000);
  for (const object of world.objects.values()) object.storage.keepAsBase();
  return { world, dispatcher, tenants };
}

function addFile(db: Database): void {
  beginFile(db, { id: FILE, blob: "blob" }, 0);
  const dataset = { format: "jsonl", compression: null, examples: 2, layouts: ["chat"], ignored_columns: [] };
  const facts = { filename: "a.jsonl", bytes: 3, sha256: "f", format: "chat", lines: 2, trainable: 1, dataset };
  finishFile(db, FILE, facts as never, 0);
}
