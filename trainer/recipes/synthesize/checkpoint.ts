import { TrimtabError } from "../../../shared/errors.ts";
import type { SynthesisRecord } from "./records.ts";

const FORMAT = "trimtab.synthesize/1";

/** How far a job is. */
export interface Making {
  /** Chunks of instructions that are done. */
  readonly chunks: number;
  readonly records: readonly SynthesisRecord[];
}

/** `run` names the run, so that no other resumes from it. */
export function encodeMaking(making: Making, run: string): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ format: FORMAT, run, ...making }));
}

/** The inverse of `encodeMaking`. Throws `corrupt_blob` for what is damaged or of another run. */
export function decodeMaking(bytes: Uint8Array, run: string): Making {
  const head = parsed(bytes);
  if (head?.format === FORMAT && head.run === run) return { chunks: head.chunks, records: head.records };
  throw new TrimtabError("corrupt_blob", `the checkpoint is not one of run ${run}`);
}

function parsed(bytes: Uint8Array): (Making & { readonly format: string; readonly run: string }) | undefined {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)) as never;
  } catch {
    return undefined;
  }
}
