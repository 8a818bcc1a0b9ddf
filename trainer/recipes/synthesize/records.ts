/** What a job has asked for, and what came of it. */
import type { FilterName } from "../../../shared/synthesis/filters/registry.ts";
import type { Evolution } from "../../../shared/synthesis/requests.ts";

/** Why an example was left out without a filter having looked at it. */
export type Unusable = "no_room" | "unfinished" | "failed";

export interface SynthesisRecord {
  /** `r2-17`: the place in its round. */
  readonly id: string;
  readonly round: number;
  readonly operation: "self_instruct" | Evolution;
  /** Of the random stream that the instruction was drawn by, and its place there. */
  readonly sampling: { readonly seed: number; readonly index: number };
  /** The examples that were shown, or the one that was rewritten: `seed:12` for a line of the seed file, or an id. */
  readonly sources: readonly string[];
  /** null where it was not written whole. */
  readonly instruction: string | null;
  /** null where it was not asked for, or not written whole. */
  readonly output: string | null;
  readonly scores: Readonly<Record<string, number>>;
  readonly passed: readonly FilterName[];
  readonly rejected: { readonly filter: FilterName | Unusable; readonly reason: string } | null;
}

export type KeptRecord = SynthesisRecord & { readonly instruction: string; readonly output: string };

export function keptOf(records: readonly SynthesisRecord[]): KeptRecord[] {
  return records.filter((record): record is KeptRecord => record.rejected === null && record.output !== null);
}
