import { TrimtabError } from "../../errors.ts";
import { isRecord, type RecordPlace } from "../columns.ts";
import type { DatasetKind, KindTally, ReadRecord } from "./kind.ts";
import { DATASET_KIND_NAMES, type DatasetKindName, datasetKind } from "./registry.ts";

/** What a file turned out to hold. */
export interface KindFacts {
  /** The kinds of which every record is; at least one. */
  readonly kinds: readonly DatasetKindName[];
  /** Why the file is not of another kind that its first record looked like. */
  readonly unfit: Readonly<Partial<Record<DatasetKindName, string>>>;
  readonly layouts: readonly string[];
  /** What no kind of the file reads. */
  readonly ignored: readonly string[];
  /** Of the first kind in the registry: records with something to learn, and what its tally groups them by. */
  readonly trainable: number;
  readonly groups: readonly string[];
}

interface Candidate {
  readonly name: DatasetKindName;
  readonly kind: DatasetKind;
  readonly tally: KindTally | undefined;
  readonly layouts: Set<string>;
  readonly ignored: Set<string>;
  readonly groups: Set<string>;
  trainable: number;
}

/** Layouts, columns and groups that are remembered of a file; more would only be noise. */
const MOST_NAMES = 64;

/** Finds out of which kinds a file is, record by record. */
export class KindCheck {
  #candidates: Candidate[] | undefined;
  readonly #unfit: Partial<Record<DatasetKindName, string>> = {};

  /** Throws `invalid_file` for a record that leaves no kind. */
  add(value: unknown, place: RecordPlace): void {
    this.#candidates ??= candidatesFor(value);
    this.#keep((candidate) => {
      const record = candidate.kind.read(value, place);
      candidate.tally?.add(record);
      remember(candidate, record);
    });
  }

  /** Throws `invalid_file` if the records together are of no kind. */
  end(): KindFacts {
    this.#keep(({ tally }) => tally?.end());
    const fitting = this.#candidates ?? [];
    const [first, ...others] = fitting;
    const ignored = [...(first?.ignored ?? [])].filter((name) => others.every((other) => other.ignored.has(name)));
    return {
      kinds: fitting.map(({ name }) => name),
      unfit: this.#unfit,
      layouts: [...new Set(fitting.flatMap(({ layouts }) => [...layouts]))],
      ignored,
      trainable: first?.trainable ?? 0,
      groups: [...(first?.groups ?? [])],
    };
  }

  /** Drops the candidates for which `look` throws; rethrows the first one's error if none is left. */
  #keep(look: (candidate: Candidate) => void): void {
    const before = this.#candidates ?? [];
    let refusal: TrimtabError | undefined;
    const left = before.filter((candidate) => {
      try {
        look(candidate);
        return true;
      } catch (error) {
        if (!(error instanceof TrimtabError)) throw error;
        this.#unfit[candidate.name] = error.message;
        refusal ??= error;
        return false;
      }
    });
    if (left.length === 0 && refusal !== undefined) throw refusal;
    this.#candidates = left;
  }
}

/** The kinds whose columns the first record has, or examples, whose reader says what is expected. */
function candidatesFor(value: unknown): Candidate[] {
  const found = isRecord(value) ? DATASET_KIND_NAMES.filter((name) => datasetKind(name).recognises(value)) : [];
  return (found.length === 0 ? (["examples"] as const) : found).map((name) => {
    const kind = datasetKind(name);
    const names = { layouts: new Set<string>(), ignored: new Set<string>(), groups: new Set<string>() };
    return { name, kind, tally: kind.tally?.(), ...names, trainable: 0 };
  });
}

function remember(candidate: Candidate, { layout, ignored, trainable, group }: ReadRecord): void {
  const keep = (names: Set<string>, name: string) => void (names.size < MOST_NAMES && names.add(name));
  keep(candidate.layouts, layout);
  for (const name of ignored) keep(candidate.ignored, name);
  if (group !== undefined) keep(candidate.groups, group);
  if (trainable) candidate.trainable += 1;
}
