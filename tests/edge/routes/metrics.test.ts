import { expect, it } from "vitest";
import { countRequest, prometheusText, requestCounts } from "../../../edge/routes/metrics.ts";

it("metrics are Prometheus' text", () => {
  for (const method of ["GET", "GET", "BREW"]) countRequest(method, 299);
  const counts = requestCounts().filter(({ status }) => status === "299");
  expect(counts).toEqual([
    { method: "GET", status: "299", count: 2 },
    { method: "other", status: "299", count: 1 },
  ]);
  const text = prometheusText({ queued: 3, leased: 1, trainers: 2, ended: { succeeded: 5 } }, counts);
  for (const line of [
    'trimtab_requests_total{method="GET",status="299"} 2',
    'trimtab_jobs{state="queued"} 3',
    'trimtab_jobs{state="leased"} 1',
    'trimtab_jobs_ended_total{status="succeeded"} 5',
    "trimtab_queue_depth 3",
    "trimtab_trainers 2",
  ]) {
    expect(text.split("\n")).toContain(line);
  }
  for (const line of text.trimEnd().split("\n")) {
    expect(line).toMatch(/^(# (HELP|TYPE) trimtab_\w+ .+|trimtab_\w+(\{(\w+="[\w-]+",?)+\})? \d+)$/);
  }
});
