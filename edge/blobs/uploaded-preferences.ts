import type { DatasetFacts } from "../../shared/api/files.ts";
import type { RecordPlace } from "../../shared/data/columns.ts";
import { isRecord } from "../../shared/data/columns.ts";
import { datasetKind } from "../../shared/data/dataset-kinds/registry.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import { PreferenceInspection } from "../../shared/preferences/inspection.ts";
import { PREFERENCE_KINDS, type PreferenceKind, readRecord } from "../../shared/preferences/record.ts";

/** Looks at the first lines of an upload that might be preferences, as it comes. */
export class UploadedPreferences {
  #inspected: { readonly kind: PreferenceKind; readonly inspection: PreferenceInspection } | undefined;
  #lines = 0;

  add(value: unknown, place: RecordPlace): void {
    if (this.#lines === 0 && isRecord(value)) {
      const kind = PREFERENCE_KINDS.find((name) => datasetKind(name).recognises(value));
      if (kind !== undefined) this.#inspected = { kind, inspection: new PreferenceInspection(kind) };
    }
    this.#lines += 1;
    if (this.#inspected === undefined || this.#lines > LIMITS.inspectedUpload) return;
    const { kind, inspection } = this.#inspected;
    try {
      inspection.add(readRecord(kind, value, place), place.number);
    } catch (error) {
      if (!(error instanceof TrimtabError)) throw error;
      // The file turns out to be of another kind.
      this.#inspected = undefined;
    }
  }

  /** @param kinds of which the file is after all */
  figures(kinds: readonly string[]): Pick<DatasetFacts, "preferences"> {
    if (this.#inspected === undefined || !kinds.includes(this.#inspected.kind)) return {};
    const { longer_is_better, ...facts } = this.#inspected.inspection.facts;
    const longer = longer_is_better as NonNullable<DatasetFacts["preferences"]>["longer_is_better"];
    return { preferences: { ...facts, longer_is_better: longer } };
  }
}
