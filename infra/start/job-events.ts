import { type JobEvent, JobEventList } from "../../shared/api/jobs.ts";
import type { ApiClient } from "./api-client.ts";

const PAGE = 100;

/** A job's events that are not in `seen`, oldest first. Adds their ids to `seen`. */
export async function newJobEvents(client: ApiClient, job: string, seen: Set<string>): Promise<JobEvent[]> {
  const found: JobEvent[] = [];
  let after = "";
  for (;;) {
    const path = `/v1/fine_tuning/jobs/${encodeURIComponent(job)}/events?limit=${PAGE}${after}`;
    const page = await client.get(path, JobEventList);
    const unseen = page.data.filter((event) => !seen.has(event.id));
    for (const event of unseen) seen.add(event.id);
    found.unshift(...unseen.toReversed());
    if (unseen.length < page.data.length || !page.has_more || page.last_id === null) return found;
    after = `&after=${page.last_id}`;
  }
}
