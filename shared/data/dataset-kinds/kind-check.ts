import { TrimtabError } from "../../errors.ts";
import { isRecord, type RecordPlace } from "../columns.ts";
import type { SaidFormat } from "../said-format.ts";
import type { DatasetKind, KindTally, ReadRecord } from "./kind.ts";
import { DATASET_KIND_NAMES, type DatasetKindName, datasetKind } from "./registry.ts";

/** How some of a file's lines are written. */
export interface FormatFacts {
  /** The name that an upload may say. */
  readonly format: string;
  readonly examples: number;
  /** The first line, row or entry that is written so. */
  readonly first_line: number;
}

/** What a file turned out to hold. */
export interface KindFacts {
  /** The kinds of which every record is; at least one. */
  readonly kinds: readonly DatasetKindName[];
  /** Why the file is not of another kind that its first record looked like. */
  readonly unfit: Readonly<Partial<Record<DatasetKindName, string>>>;
  readonly layouts: readonly string[];
  /** Of the first kind in the registry: how its lines are written, in the order in which they come; several are a mixture. */
  readonly formats: readonly FormatFacts[];
  /** Examples of the first kind: a line may hold several. */
  readonly examples: number;
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
  readonly formats: Map<string, { examples: number; readonly first_line: number }>;
  examples: number;
  trainable: number;
}

/** Layouts, columns and groups that are remembered of a file; more would only be noise. */
const MOST_NAMES = 64;

/** Finds out of which kinds a file is, record by record. */
export class KindCheck {
  #candidates: Candidate[] | undefined;
  readonly #said: SaidFormat | undefined;
  readonly #unfit: Partial<Record<DatasetKindName, string>> = {};

  /** @param said what the file must be; absent: whatever its records look like */
  constructor(said?: SaidFormat) {
    this.#said = said;
  }

  /** Throws `invalid_file` for a record that leaves no kind. */
  add(value: unknown, place: RecordPlace): void {
    this.#candidates ??= this.#said === undefined ? candidatesFor(value) : [candidateOf(this.#said.kind)];
    this.#keep((candidate) => {
      const record = candidate.kind.read(value, place, this.#said?.format);
      candidate.tally?.add(record);
      remember(candidate, record, place.number);
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
      formats: [...(first?.formats ?? [])].map(([format, facts]) => ({ format, ...facts })),
      examples: first?.examples ?? 0,
      ignored,
      trainable: first?.trainable ?? 0,
      groups: [...(first?.groups ?? [])],
    };
  }

  /**
   * Drops the candidates for which `look` throws. Rethrows the first one's error if none is left, but that of examples after
   * others': their reader refuses a pair for being one, and what is wrong with the pair is of more use.
   */
  #keep(look: (candidate: Candidate) => void): void {
    const before = this.#candidates ?? [];
    const refusals = new Map<DatasetKindName, TrimtabError>();
    const left = before.filter((candidate) => {
      try {
        look(candidate);
        return true;
      } catch (error) {
        if (!(error instanceof TrimtabError)) throw error;
        this.#unfit[candidate.name] = error.message;
        refusals.set(candidate.name, error);
        return false;
      }
    });
    const [refused, ...others] = [...refusals];
    if (left.length === 0 && refused !== undefined)
      throw (refused[0] === "examples" ? (others[0] ?? refused) : refused)[1];
    this.#candidates = left;
  }
}

/** The kinds whose columns the first record has, or examples, whose reader says what is expected. */
function candidatesFor(value: unknown): Candidate[] {
  const found = isRecord(value) ? DATASET_KIND_NAMES.filter((name) => datasetKind(name).recognises(value)) : [];
  return (found.length === 0 ? (["examples"] as const) : found).map(candidateOf);
}

function candidateOf(name: DatasetKindName): Candidate {
  const kind = datasetKind(name);
  const names = { layouts: new Set<string>(), ignored: new Set<string>(), groups: new Set<string>() };
  return { name, kind, tally: kind.tally?.(), ...names, formats: new Map(), examples: 0, trainable: 0 };
}

function remember(candidate: Candidate, record: ReadRecord, line: number): void {
  const { layout, format = candidate.name, count = 1, ignored, trainable, group } = record;
  const keep = (names: Set<string>, name: string) => void (names.size < MOST_NAMES && names.add(name));
  keep(candidate.layouts, layout);
  for (const name of ignored) keep(candidate.ignored, name);
  if (group !== undefined) keep(candidate.groups, group);
  const known = candidate.formats.get(format) ?? { examples: 0, first_line: line };
  candidate.formats.set(format, { ...known, examples: known.examples + count });
  candidate.examples += count;
  if (trainable) candidate.trainable += 1;
}
