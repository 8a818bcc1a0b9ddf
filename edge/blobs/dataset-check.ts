import type { DatasetFacts, UploadPurpose } from "../../shared/api/files.ts";
import { isRecord, type RecordPlace, recordError } from "../../shared/data/columns.ts";
import { KindCheck } from "../../shared/data/dataset-kinds/kind-check.ts";
import { columnsToRead } from "../../shared/data/dataset-kinds/registry.ts";
import { createDatasetReader, RECORD_UNITS } from "../../shared/data/dataset-reader.ts";
import type { SaidFormat } from "../../shared/data/said-format.ts";
import { isMetadata } from "../../shared/data/training-lines.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { JsonlLine } from "../../shared/formats/jsonl.ts";
import { openParquet } from "../../shared/formats/parquet.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { StoredFile } from "./stored-file.ts";
import { turn } from "./turns.ts";
import { UploadedPreferences } from "./uploaded-preferences.ts";

/** What is kept of a dataset beside its bytes. */
export interface CheckedDataset {
  /** The kind of its lines, "mixed" where there are several, "objects" where any will do. */
  readonly format: string;
  readonly lines: number;
  readonly trainable: number;
  readonly dataset: DatasetFacts;
}

/** What an upload says of its file. */
export interface DatasetExpectation {
  /** undefined while it is not known */
  readonly purpose: UploadPurpose | undefined;
  /** undefined if the records are to show what they are */
  readonly said: SaidFormat | undefined;
}

/** Column names that a reply lists, and characters of each; more would only be noise. */
const MAX_IGNORED = 64;
const MAX_NAME = 128;
const ROWS_OF_A_TURN = 500;
/** Bytes that are read at once; packed ones unpack to a thousand times as many at most. */
const PIECE_BYTES = 128 << 10;
const PACKED_PIECE_BYTES = 2 << 10;

/**
 * Checks a dataset's records as they arrive. A form may name its purpose after its file, so what only a file to train on must be is
 * noted and thrown by `facts`.
 */
export class DatasetCheck {
  readonly #reader = createDatasetReader({ maxUnpackedBytes: LIMITS.unpackedFile });
  readonly #kinds: KindCheck;
  readonly #ignored = new Set<string>();
  readonly #preferences = new UploadedPreferences();
  readonly #purpose: UploadPurpose | undefined;
  readonly #said: SaidFormat | undefined;
  #notToTrainOn: unknown;
  #records = 0;
  #lines = 0;

  constructor({ purpose, said }: DatasetExpectation) {
    this.#purpose = purpose;
    this.#said = said;
    this.#kinds = new KindCheck(said);
  }

  get said(): SaidFormat | undefined {
    return this.#said;
  }

  get isParquet(): boolean {
    return this.#reader.form === "parquet";
  }

  /** Unpacked bytes so far. */
  get bytesRead(): number {
    return this.#reader.bytesRead;
  }

  /** A chunk in pieces, each of which takes a short time to read, whatever it unpacks to. */
  *pieces(chunk: Uint8Array): Generator<Uint8Array, void> {
    for (let at = 0; at < chunk.byteLength; ) {
      const { form, compression } = this.#reader;
      const size = form === undefined || compression !== null ? PACKED_PIECE_BYTES : PIECE_BYTES;
      yield chunk.subarray(at, at + size);
      at += size;
    }
  }

  push(chunk: Uint8Array): void {
    named(() => this.#look(this.#reader.push(chunk)));
  }

  end(): void {
    named(() => this.#look(this.#reader.end()));
  }

  async readTable(file: StoredFile): Promise<void> {
    try {
      const table = await openParquet(file, {
        maxGroupBytes: LIMITS.parquetGroup,
        maxUnpackedBytes: LIMITS.unpackedFile,
      });
      const isRead = columnsToRead(table.columns);
      this.#ignore(table.columns.filter((column) => !isRead(column)));
      let rows = 0;
      for await (const record of table.rows(isRead)) {
        this.#look([record]);
        if (++rows % ROWS_OF_A_TURN === 0) await turn();
      }
    } catch (error) {
      throw fileError(error);
    }
  }

  /** Throws `invalid_file` for records that the purpose has no use for. */
  facts(purpose: UploadPurpose): CheckedDataset {
    const read = {
      format: this.#reader.form ?? "jsonl",
      compression: this.#reader.compression,
      examples: this.#lines,
    } as const;
    if (purpose !== "fine-tune") {
      const dataset = { ...read, examples: this.#records, layouts: [], ignored_columns: [], kinds: [] };
      return { format: "objects", lines: this.#records, trainable: 0, dataset };
    }
    if (this.#lines === 0) throw fileError(new TrimtabError("invalid_file", "the file has no example in it"));
    if (this.#notToTrainOn !== undefined) throw fileError(this.#notToTrainOn);
    const { kinds, unfit, layouts, formats, examples, ignored, trainable, groups } = named(() => this.#kinds.end());
    const isOfExamples = kinds[0] === "examples";
    this.#ignore(ignored);
    return {
      format: !isOfExamples ? kinds[0]! : groups.length === 1 ? groups[0]! : "mixed",
      lines: this.#lines,
      trainable,
      dataset: {
        ...{ ...read, examples },
        layouts: [...layouts],
        formats: [...formats],
        ...(this.#said === undefined ? {} : { said_format: this.#said.name }),
        ignored_columns: [...this.#ignored],
        kinds: [...kinds],
        ...(Object.keys(unfit).length === 0 ? {} : { unfit }),
        ...this.#preferences.figures(kinds),
      },
    };
  }

  #ignore(names: readonly string[]): void {
    for (const name of names) if (this.#ignored.size < MAX_IGNORED) this.#ignored.add(name.slice(0, MAX_NAME));
  }

  #look(records: readonly JsonlLine[]): void {
    const unit = RECORD_UNITS[this.#reader.form ?? "jsonl"];
    for (const { number, value } of records) {
      this.#records++;
      const place = { number, unit, file: "the file" };
      if (!isRecord(value)) throw recordError(place, " is not a JSON object");
      if (isMetadata(value, this.#records)) continue;
      this.#lines++;
      if (this.#notToTrainOn === undefined && (this.#purpose ?? "fine-tune") === "fine-tune") {
        this.#lookToTrainOn(value, place);
      }
    }
  }

  #lookToTrainOn(value: unknown, place: RecordPlace): void {
    try {
      this.#kinds.add(value, place);
      this.#preferences.add(value, place);
    } catch (error) {
      if (this.#purpose !== undefined) throw error;
      this.#notToTrainOn = error;
    }
  }
}

function named<T>(look: () => T): T {
  try {
    return look();
  } catch (error) {
    throw fileError(error);
  }
}

/** The error with the form's field, which readers do not know. */
function fileError(error: unknown): unknown {
  if (!(error instanceof TrimtabError)) return error;
  return new TrimtabError(error.code, error.message, { param: "file", data: error.data, cause: error });
}
