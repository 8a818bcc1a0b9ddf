/** A job's state: the records so far and, once it trains, the state of the training. */
import { TrimtabError } from "../../../shared/errors.ts";
import { joinBytes } from "../../../shared/formats/join-bytes.ts";
import type { JobRecord, JudgeCount } from "./records.ts";

const FORMAT = "trimtab.constitutional/1";

export interface Writing {
  /** Chunks of prompts that are done. */
  readonly chunks: number;
  readonly records: readonly JobRecord[];
  readonly judged: JudgeCount;
}

export interface JobState extends Writing {
  /** The training's own checkpoint; null before its first step. */
  readonly training: Uint8Array | null;
}

/** One line of JSON, and behind it the training's checkpoint. `run` names the run, so that no other resumes from it. */
export function encodeState({ training, ...writing }: JobState, run: string): Uint8Array {
  const head = JSON.stringify({ format: FORMAT, run, training: training?.byteLength ?? null, ...writing });
  return joinBytes([new TextEncoder().encode(`${head}\n`), training ?? new Uint8Array()]);
}

/** The inverse of `encodeState`. Throws `corrupt_blob` for what is damaged or of another run. */
export function decodeState(bytes: Uint8Array, run: string): JobState {
  const end = bytes.indexOf(0x0a);
  const head = parsed(bytes.subarray(0, Math.max(end, 0)));
  if (head?.format !== FORMAT || head.run !== run) {
    throw new TrimtabError("corrupt_blob", `the checkpoint is not one of run ${run}`);
  }
  const rest = bytes.slice(end + 1);
  if (rest.byteLength !== (head.training ?? 0)) {
    throw new TrimtabError(
      "corrupt_blob",
      `the checkpoint has ${rest.byteLength} bytes of training, expected ${head.training ?? 0}`,
    );
  }
  const { chunks, records, judged } = head;
  return { chunks, records, judged, training: head.training === null ? null : rest };
}

interface Head extends Writing {
  readonly format: string;
  readonly run: string;
  readonly training: number | null;
}

function parsed(bytes: Uint8Array): Head | undefined {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)) as Head;
  } catch {
    return undefined;
  }
}
