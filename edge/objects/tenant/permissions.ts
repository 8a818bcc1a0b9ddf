import type {
  CheckpointPermission,
  DeletedPermission,
  PermissionPage,
} from "../../../shared/api/checkpoint-permissions.ts";
import { type ListOf, listOf } from "../../../shared/api/lists.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { type Database, seconds } from "../database.ts";
import { type Idempotency, settleCreation } from "../idempotency.ts";
import { pageOf } from "../page.ts";
import { unknownModel } from "../unknown-model.ts";
import { findModel } from "./artefact-rows.ts";
import { tenantModule } from "./context.ts";

interface PermissionRow {
  readonly id: string;
  readonly model: string;
  readonly project: string;
  readonly created_at: number;
}

function permissionOf({ id, project, created_at }: PermissionRow): CheckpointPermission {
  return { id, object: "checkpoint.permission", created_at, project_id: project };
}

/**
 * The tuned model that a checkpoint's name or id means. Permissions of models that are gone are deleted first: a model of the same
 * contents may get the same name again.
 */
function requireCheckpoint(db: Database, checkpoint: string): string {
  db.run("DELETE FROM checkpoint_permissions WHERE model NOT IN (SELECT id FROM models)");
  const named = db.get<{ model: string }>("SELECT model FROM checkpoints WHERE id = ?", checkpoint)?.model;
  const model = named ?? checkpoint;
  if (findModel(db, model) === undefined) throw unknownModel(checkpoint, "fine_tuned_model_checkpoint");
  return model;
}

/** Which projects may use a tuned model or a checkpoint of one. Tenants are projects, and each may name itself alone. */
export const permissions = tenantModule({
  schema: [
    `CREATE TABLE IF NOT EXISTS checkpoint_permissions (
      n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, model TEXT NOT NULL, project TEXT NOT NULL,
      created_at INTEGER NOT NULL, UNIQUE (model, project))`,
  ],
  open: ({ db, now, newId, tenant }) => ({
    calls: {
      /**
       * Records permissions, in the order of the projects; one that there is already stays as it is.
       *
       * @throws TrimtabError permission_denied for another tenant, whom nothing of this one's is ever shown or served to.
       */
      create: (
        checkpoint: string,
        projects: readonly string[],
        key: Idempotency | null,
      ): ListOf<CheckpointPermission> =>
        db.transaction(() => {
          const { id: own } = tenant();
          const model = requireCheckpoint(db, checkpoint);
          for (const [index, project] of projects.entries()) {
            if (project === own) continue;
            const param = `project_ids[${index}]`;
            const message = `\`${param}\` is ${JSON.stringify(project)}, but a model is never shared with another tenant: only your own project, ${own}, can be named. To hand it on, download its delta and have the other tenant upload it.`;
            throw new TrimtabError("permission_denied", message, { param });
          }
          const rows = [...new Set(projects)].map((project) => {
            db.run(
              "INSERT OR IGNORE INTO checkpoint_permissions (id, model, project, created_at) VALUES (?, ?, ?, ?)",
              ...[newId("permission"), model, project, seconds(now())],
            );
            const where = "model = ? AND project = ?";
            return db.get<PermissionRow>(`SELECT * FROM checkpoint_permissions WHERE ${where}`, model, project)!;
          });
          const list = listOf(rows.map(permissionOf), rows.length);
          settleCreation(db, key, list);
          return list;
        }),

      list(checkpoint: string, { order, project_id: project, ...page }: PermissionPage): ListOf<CheckpointPermission> {
        const model = requireCheckpoint(db, checkpoint);
        const chosen = project === undefined ? { where: "model = ?" } : { where: "model = ? AND project = ?" };
        const values = project === undefined ? [model] : [model, project];
        const source = { table: "checkpoint_permissions", ...chosen, values };
        const sorted = { ...source, order: order === "ascending" ? ("asc" as const) : ("desc" as const) };
        return pageOf(db, sorted, page, permissionOf);
      },

      delete: (checkpoint: string, id: string): DeletedPermission =>
        db.transaction(() => {
          const model = requireCheckpoint(db, checkpoint);
          const deleted = db.change("DELETE FROM checkpoint_permissions WHERE id = ? AND model = ?", id, model);
          if (deleted > 0) return { id, object: "checkpoint.permission", deleted: true } as const;
          const message = `The checkpoint ${checkpoint} has no permission ${JSON.stringify(id)}.`;
          throw new TrimtabError("not_found", message, { param: "permission_id" });
        }),
    },
  }),
});
