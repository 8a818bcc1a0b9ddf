import { z } from "zod";
import { Edit, type EditStatus } from "../../../shared/api/edits.ts";
import type { ApiClient } from "../../start/api-client.ts";
import { newJobEvents } from "../../start/job-events.ts";
import type { CliEffects } from "../effects.ts";

const POLL_MS = 300;
const BAR = 24;
const CLEAR = "\r\u001b[K";
const ENDED: readonly EditStatus[] = ["succeeded", "failed", "cancelled"];

/** How far a phase is, where an event says so. */
const Counts = z.looseObject({ done: z.number().min(0), of: z.number().min(1) });

/** Shows what the job of an edit, or of a fact's removal, says until it has ended; returns the edit. */
export async function watchEdit(
  client: ApiClient,
  id: string,
  { progress: output, sleep }: Pick<CliEffects, "progress" | "sleep">,
): Promise<Edit> {
  const seen = new Set<string>();
  let drawn = false;
  const clear = () => {
    if (drawn) output.write(CLEAR);
    drawn = false;
  };
  for (;;) {
    const edit = await client.get(`/v1/edits/${id}`, Edit);
    const job = edit.removal?.job ?? edit.job;
    const events = job === null ? [] : await newJobEvents(client, job, seen);
    for (const { message, data } of events) {
      const counts = Counts.safeParse(data);
      clear();
      if (output.isTTY && counts.success) {
        output.write(barLine(counts.data, message).slice(0, (output.columns ?? 80) - 1));
        drawn = true;
      } else output.write(`${message}\n`);
    }
    const ended = ENDED.includes(edit.status) && (edit.removal === null || ENDED.includes(edit.removal.status));
    if (ended) {
      clear();
      return edit;
    }
    await sleep(POLL_MS);
  }
}

/** `████████░░░░ 12/40  found values` */
export function barLine({ done, of: total }: z.infer<typeof Counts>, message: string): string {
  const filled = Math.round((BAR * Math.min(done, total)) / total);
  return `${"█".repeat(filled)}${"░".repeat(BAR - filled)} ${done}/${total}  ${message}`;
}
