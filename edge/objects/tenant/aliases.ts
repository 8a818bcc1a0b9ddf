import type { Alias, AliasMove, CreateAlias, MoveAlias } from "../../../shared/api/aliases.ts";
import type { Deleted, ListOf, Page } from "../../../shared/api/lists.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { type Idempotency, settleCreation } from "../idempotency.ts";
import { pageOf } from "../page.ts";
import { unknownModel } from "../unknown-model.ts";
import {
  ALIAS_TABLES,
  type AliasRow,
  addAlias,
  aliasOf,
  aliasTarget,
  dropAlias,
  type MoveRow,
  moveAlias,
  moveBefore,
  requireAlias,
  requireMove,
  shownAlias,
  shownMove,
} from "./alias-rows.ts";
import { findModel } from "./artefact-rows.ts";
import { tenantModule } from "./context.ts";
import { requireReference } from "./preset-rows.ts";

/** Names that point to a model and can move to another one while clients keep using the same name. */
export const aliases = tenantModule({
  schema: ALIAS_TABLES,

  needsModel(db, model) {
    const alias = aliasOf(db, model);
    return alias && `The alias ${alias} points to ${model}. Move the alias to another model, or delete it, first.`;
  },

  open: ({ db, now, dispatcher, requireCreated }) => {
    /** @throws TrimtabError model_not_found for a name that is neither a base nor one of the tenant's models. */
    const requireTarget = async (model: string): Promise<void> => {
      if (findModel(db, model) !== undefined) return;
      if (aliasTarget(db, model) !== undefined) {
        const message = `${model} is an alias itself. Point to the model that it points to: ${aliasTarget(db, model)}.`;
        throw new TrimtabError("invalid_request", message, { param: "model" });
      }
      if (model.startsWith("ft:") || (await dispatcher.bases.ready(model)) === null) throw unknownModel(model);
    };

    /** Within the transaction that moves the alias: a model of the tenant's may have been deleted during the wait. */
    const stillThere = (model: string): void => {
      if (model.startsWith("ft:") && findModel(db, model) === undefined) throw unknownModel(model);
    };

    /** The version to return to may name a preset that was deleted since. */
    const requireSteering = ({ alias, version, steering }: MoveRow): void => {
      if (steering === null) return;
      try {
        requireReference(db, steering, "alias");
      } catch (cause) {
        const message = `Version ${version} of the alias ${alias} is steered by ${steering}, which is gone. Move the alias to another preset.`;
        throw new TrimtabError("not_found", message, { param: "alias", cause });
      }
    };

    const previous = (row: AliasRow): MoveRow => {
      const before = moveBefore(db, row);
      if (before !== undefined) return before;
      throw new TrimtabError("conflict", `There is no version before version ${row.version} of the alias ${row.id}.`);
    };

    return {
      calls: {
        async create({ id, model, ...request }: CreateAlias, key: Idempotency | null): Promise<Alias> {
          requireCreated();
          await requireTarget(model);
          if ((await dispatcher.bases.ready(id)) !== null) {
            const message = `${id} is a base model. Choose another name for the alias.`;
            throw new TrimtabError("conflict", message, { param: "id" });
          }
          return db.transaction(() => {
            stillThere(model);
            const steering = request.steering ?? null;
            if (steering !== null) requireReference(db, steering, "steering");
            const alias = shownAlias(db, addAlias(db, { id, model, steering }, now()));
            settleCreation(db, key, alias);
            return alias;
          });
        },

        list(page: Page): ListOf<Alias> {
          return pageOf(db, { table: "aliases" }, page, (row: AliasRow) => shownAlias(db, row));
        },

        get: (id: string): Alias => shownAlias(db, requireAlias(db, id)),

        /**
         * Points an alias to another model, or gives it another steering preset, or both at once, for all later requests.
         * What is left out stays. A move to where the alias already is changes nothing.
         *
         * @throws TrimtabError conflict where it does not point to `if_model`; not_found for an unknown preset.
         */
        async move(id: string, request: MoveAlias): Promise<Alias> {
          requireAlias(db, id);
          if (request.model !== undefined) await requireTarget(request.model);
          return db.transaction(() => {
            const row = requireAlias(db, id);
            const current = requireMove(db, id, row.version);
            const expected = request.if_model ?? current.model;
            if (expected !== current.model) {
              const message = `The alias ${id} points to ${current.model}, not to ${expected}: it was moved meanwhile.`;
              throw new TrimtabError("conflict", message, { param: "if_model" });
            }
            const model = request.model ?? current.model;
            const steering = request.steering === undefined ? current.steering : request.steering;
            if (typeof request.steering === "string") requireReference(db, request.steering, "steering");
            if (model === current.model && steering === current.steering) return shownAlias(db, row);
            stillThere(model);
            const move = { alias: id, model, steering, made_by: "move", returns_to: row.version } as const;
            return shownAlias(db, moveAlias(db, move, now()));
          });
        },

        /**
         * Returns an alias to the version before the current one, or to the given one.
         *
         * @throws TrimtabError conflict where there is none before, model_not_found where its model is gone, not_found where
         *   its steering preset is.
         */
        async rollBack(id: string, version: number | undefined): Promise<Alias> {
          const found = (): { row: AliasRow; to: MoveRow } => {
            const row = requireAlias(db, id);
            return { row, to: version === undefined ? previous(row) : requireMove(db, id, version) };
          };
          const first = found();
          await requireTarget(first.to.model).catch((cause) => {
            const message = `Version ${first.to.version} of the alias ${id} points to ${first.to.model}, which is gone. Move the alias to another model.`;
            throw new TrimtabError("model_not_found", message, { param: "alias", cause });
          });
          return db.transaction(() => {
            const { row, to } = found();
            if (row.version !== first.row.version) {
              throw new TrimtabError("conflict", `The alias ${id} was moved meanwhile. Look where it points now.`);
            }
            stillThere(to.model);
            requireSteering(to);
            const { model, steering, returns_to } = to;
            return shownAlias(
              db,
              moveAlias(db, { alias: id, model, steering, made_by: "rollback", returns_to }, now()),
            );
          });
        },

        /** Newest first. */
        history(id: string, page: Page): ListOf<AliasMove> {
          requireAlias(db, id);
          return pageOf(db, { table: "alias_moves", where: "alias = ?", values: [id] }, page, shownMove);
        },

        delete(id: string): Deleted {
          db.transaction(() => dropAlias(db, id));
          return { id, object: "alias", deleted: true };
        },
      },
    };
  },
});
