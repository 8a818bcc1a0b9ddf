import type { Deleted, ListOf, Page } from "../../../shared/api/lists.ts";
import type { SteeringObject } from "../../../shared/api/steering.ts";
import type { CreatePreset, Preset, PresetVersion, UpdatePreset } from "../../../shared/api/steering-presets.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { LIMITS } from "../../../shared/limits.ts";
import { type Idempotency, settleCreation } from "../idempotency.ts";
import { pageOf } from "../page.ts";
import { aliasSteeredBy } from "./alias-rows.ts";
import { tenantModule } from "./context.ts";
import {
  addPreset,
  addVersion,
  dropPreset,
  PRESET_TABLES,
  type PresetRow,
  type PresetVersionRow,
  requirePreset,
  requireVersion,
  shownPreset,
  shownVersion,
  versionBefore,
} from "./preset-rows.ts";
import { requireBases, requireOwnNames } from "./steering-names.ts";

const IN_REQUEST = { param: "steering" };

/** Steering objects under names, in versions that never change. */
export const presets = tenantModule({
  schema: PRESET_TABLES,

  open: ({ db, now, dispatcher, requireCreated }) => {
    const isBase = async (name: string): Promise<boolean> => (await dispatcher.bases.ready(name)) !== null;

    /** The object as it is stored, its names checked. Within the transaction, `requireOwnNames` checks again. */
    const checked = async (steering: SteeringObject): Promise<string> => {
      const json = JSON.stringify(steering);
      if (json.length > LIMITS.presetLength) {
        const message = `A steering preset may have ${LIMITS.presetLength} characters of JSON, and this one has ${json.length}. Make it smaller.`;
        throw new TrimtabError("invalid_request", message, IN_REQUEST);
      }
      await requireBases(requireOwnNames(db, steering, IN_REQUEST), isBase, IN_REQUEST);
      return json;
    };

    const previous = (row: PresetRow): PresetVersionRow => {
      const before = versionBefore(db, row);
      if (before !== undefined) return before;
      const message = `There is no version before version ${row.version} of the steering preset ${row.id}.`;
      throw new TrimtabError("conflict", message);
    };

    return {
      calls: {
        async create(request: CreatePreset, key: Idempotency | null): Promise<Preset> {
          requireCreated();
          const steering = await checked(request.steering);
          return db.transaction(() => {
            requireOwnNames(db, request.steering, IN_REQUEST);
            const { name, description = null } = request;
            const preset = shownPreset(db, addPreset(db, { name, steering, description }, now()));
            settleCreation(db, key, preset);
            return preset;
          });
        },

        list(page: Page): ListOf<Preset> {
          return pageOf(db, { table: "presets" }, page, (row: PresetRow) => shownPreset(db, row));
        },

        get: (id: string): Preset => shownPreset(db, requirePreset(db, id)),

        /**
         * Gives a preset a new version. The same object and description again change nothing.
         *
         * @throws TrimtabError conflict where the version in force is not `if_version`.
         */
        async update(id: string, request: UpdatePreset): Promise<Preset> {
          requirePreset(db, id);
          const steering = await checked(request.steering);
          return db.transaction(() => {
            const row = requirePreset(db, id);
            requireOwnNames(db, request.steering, IN_REQUEST);
            if (request.if_version !== undefined && request.if_version !== row.version) {
              const message = `The steering preset ${id} is at version ${row.version}, not ${request.if_version}: it was updated meanwhile.`;
              throw new TrimtabError("conflict", message, { param: "if_version" });
            }
            const current = requireVersion(db, id, row.version);
            const description = request.description ?? current.description;
            if (steering === current.steering && description === current.description) return shownPreset(db, row);
            const version = { preset: id, steering, description, made_by: "update", returns_to: row.version } as const;
            return shownPreset(db, addVersion(db, version, now()));
          });
        },

        /**
         * Brings back the object of the version before the current one, or of the given one, as a new version.
         *
         * @throws TrimtabError conflict where there is none before; model_not_found or not_found where a name in it is gone.
         */
        async rollBack(id: string, version: number | undefined): Promise<Preset> {
          const found = (): { row: PresetRow; to: PresetVersionRow } => {
            const row = requirePreset(db, id);
            return { row, to: version === undefined ? previous(row) : requireVersion(db, id, version) };
          };
          const first = found();
          const steering = JSON.parse(first.to.steering) as SteeringObject;
          const where = { param: "version", holder: `The steering preset ${first.to.id}` };
          await requireBases(requireOwnNames(db, steering, where), isBase, where);
          return db.transaction(() => {
            const { row, to } = found();
            if (row.version !== first.row.version) {
              throw new TrimtabError("conflict", `The steering preset ${id} was updated meanwhile. Look at it again.`);
            }
            requireOwnNames(db, steering, where);
            const { description, returns_to } = to;
            const back = { preset: id, steering: to.steering, description, made_by: "rollback", returns_to } as const;
            return shownPreset(db, addVersion(db, back, now()));
          });
        },

        /** Newest first. */
        history(id: string, page: Page): ListOf<PresetVersion> {
          requirePreset(db, id);
          return pageOf(db, { table: "preset_versions", where: "preset = ?", values: [id] }, page, shownVersion);
        },

        /** @throws TrimtabError conflict while an alias is steered by it. */
        delete(id: string): Deleted {
          return db.transaction(() => {
            const alias = aliasSteeredBy(db, id);
            if (alias !== undefined) {
              const message = `The alias ${alias} is steered by ${id}. Move the alias to another steering preset, or to none, first.`;
              throw new TrimtabError("conflict", message, { param: "preset" });
            }
            dropPreset(db, id);
            return { id, object: "steering.preset", deleted: true };
          });
        },
      },
    };
  },
});
