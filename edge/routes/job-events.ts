import { errorResponse } from "../../shared/api/errors.ts";
import type { JobEvent } from "../../shared/api/jobs.ts";
import type { Remote } from "../objects/rpc.ts";
import type { Tenant } from "../objects/tenant.ts";
import { sseData, sseResponse } from "./sse.ts";

/** How long the tenant waits for an event before it answers; a comment line then keeps the connection open. */
const WAIT_MS = 10_000;

/** A job's events as they happen, oldest first, until the job has ended; then `[DONE]`. */
export function streamEvents(tenant: Remote<Tenant>, job: string): Response {
  return sseResponse(eventLines(tenant, job));
}

async function* eventLines(tenant: Remote<Tenant>, job: string): AsyncGenerator<string, void> {
  let cursor = 0;
  try {
    for (;;) {
      const stretch = await tenant.events.follow(job, cursor, WAIT_MS);
      cursor = stretch.cursor;
      for (const event of stretch.events satisfies JobEvent[]) yield sseData(event);
      if (stretch.ended) break;
      if (stretch.events.length === 0) yield ": waiting\n\n";
    }
    yield "data: [DONE]\n\n";
  } catch (error) {
    yield sseData(errorResponse(error));
  }
}
