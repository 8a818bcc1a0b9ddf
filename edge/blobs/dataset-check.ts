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
import { Pace } from "../pace/pace.ts";
import type { StoredFile } from "./stored-file.ts";
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
/** Millionths of a second for a byte that is read, for a record, and for a row of a table. */
const OF_A_BYTE = 0.04;
const OF_A_RECORD = 5;
const OF_A_ROW = 20;

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
  readonly #pace: Pace;
  #notToTrainOn: unknown;
  #records = 0;
  #lines = 0;

  /** @param pace of whoever waits for the result */
  constructor({ purpose, said }: DatasetExpectation, pace = new Pace("")) {
    this.#pace = pace;
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

  /** Reads a chunk, in as many pieces as it takes. */
  async push(chunk: Uint8Array): Promise<void> {
    const steps = this.#reader.steps(chunk);
    for (let before = this.#reader.bytesRead; ; before = this.#reader.bytesRead) {
      const step = named(() => steps.next());
      if (step.done) return;
      named(() => this.#look(step.value));
      await this.#pace.spend(OF_A_BYTE * (this.#reader.bytesRead - before) + OF_A_RECORD * step.value.length);
    }
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
      for await (const record of table.rows(isRead)) {
        this.#look([record]);
        await this.#pace.spend(OF_A_ROW);
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
