import { LEADER } from "../../shared/decode/processor.ts";
import type { BatchLoop } from "./batch-loop.ts";
import type { BatchRequest, GenerationRow } from "./generation.ts";
import { silentSequence } from "./silent-sequence.ts";

/** A row whose prompt is read to its end; nothing follows it. */
export interface ReadRow {
  readonly row: Omit<GenerationRow, "role">;
  /** Takes the head's input [D] after the prompt's last token, a view. Must not throw. */
  readonly final?: (state: Float32Array) => void;
  /** Called once it has been read. What it throws ends the reading. */
  readonly done: () => void;
}

export interface ReadOptions {
  readonly loop: Pick<BatchLoop, "submit" | "cancel">;
  readonly tenant: string;
  /** Called once, with a function that ends all reading between two steps. */
  readonly onStart: (cancel: () => void) => void;
}

/** Rows of one request in the batch or waiting for it: enough to fill the batch, few beside what a tenant may have waiting. */
const AT_ONCE = 16;

/**
 * Reads rows in the batch, in their order, under the tenant's quota. Resolves when all are done or the reading was cancelled;
 * rejects with the first error, when the other rows have left the batch. Throws as `BatchLoop.submit` does.
 */
export async function readRows(rows: readonly ReadRow[], { loop, tenant, onStart }: ReadOptions): Promise<void> {
  const open = new Set<BatchRequest>();
  let ended = false;
  const end = () => {
    ended = true;
    for (const request of open) loop.cancel(request);
  };
  onStart(end);
  const read = ({ row, final, done }: ReadRow): Promise<void> =>
    new Promise((resolve, reject) => {
      const request: BatchRequest = {
        tenant,
        generations: [{ rows: [{ ...row, role: LEADER, isOneOff: true }], sequence: sequenceFor(final) }],
        emit: () => {},
        settle: ({ error }) => {
          open.delete(request);
          try {
            if (error !== undefined) throw error;
            if (!ended) done();
            resolve();
          } catch (failure) {
            reject(failure);
          }
        },
      };
      open.add(request);
      try {
        loop.submit(request);
      } catch (error) {
        open.delete(request);
        reject(error);
      }
    });
  const left = rows.values();
  const reader = async () => {
    for (const row of left) {
      if (ended) return;
      await read(row);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, rows.length) }, reader));
  } catch (error) {
    end();
    throw error;
  }
}

/** Ends with the token after the prompt, which is never decoded. */
function sequenceFor(final: ReadRow["final"]) {
  if (final === undefined) return silentSequence({}, 1);
  const follow = {
    deliver: (_length: number, _logits: Float32Array, state: Float32Array) => final(state),
    tokenAt: () => 0,
    until: () => Promise.resolve(),
  };
  return silentSequence({ follow }, 1);
}
