import type { QueueCounts } from "../objects/dispatcher/queue-rows.ts";

/** Requests that this isolate has answered, by method and status. The counts start at 0 with each isolate. */
const requests = new Map<string, number>();

export interface RequestCount {
  readonly method: string;
  readonly status: string;
  readonly count: number;
}

export function countRequest(method: string, status: number): void {
  const known = ["GET", "POST", "PUT", "DELETE"].includes(method) ? method : "other";
  const key = `${known} ${status}`;
  requests.set(key, (requests.get(key) ?? 0) + 1);
}

export function requestCounts(): RequestCount[] {
  return [...requests].map(([key, count]) => {
    const [method = "", status = ""] = key.split(" ");
    return { method, status, count };
  });
}

/** Prometheus' text exposition format, version 0.0.4. */
export function prometheusText(queue: QueueCounts, counts: readonly RequestCount[]): string {
  const lines = [
    "# HELP trimtab_requests_total Requests answered by this isolate.",
    "# TYPE trimtab_requests_total counter",
    ...counts.map(
      ({ method, status, count }) => `trimtab_requests_total{method="${method}",status="${status}"} ${count}`,
    ),
    "# HELP trimtab_jobs Fine-tuning jobs that have not ended, by state.",
    "# TYPE trimtab_jobs gauge",
    `trimtab_jobs{state="queued"} ${queue.queued}`,
    `trimtab_jobs{state="leased"} ${queue.leased}`,
    "# HELP trimtab_jobs_ended_total Fine-tuning jobs that have ended, by status.",
    "# TYPE trimtab_jobs_ended_total counter",
    ...Object.entries(queue.ended).map(([status, count]) => `trimtab_jobs_ended_total{status="${status}"} ${count}`),
    "# HELP trimtab_queue_depth Jobs that wait for a trainer.",
    "# TYPE trimtab_queue_depth gauge",
    `trimtab_queue_depth ${queue.queued}`,
    "# HELP trimtab_trainers Trainers that asked for work in the last two minutes.",
    "# TYPE trimtab_trainers gauge",
    `trimtab_trainers ${queue.trainers}`,
  ];
  return `${lines.join("\n")}\n`;
}
