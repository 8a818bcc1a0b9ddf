import { expect, it } from "vitest";
import { operationName } from "../../../edge/routes/operation-name.ts";

it.each([
  ["post", "/v1/files", "createFile"],
  ["get", "/v1/files", "listFiles"],
  ["get", "/v1/files/{file_id}", "getFile"],
  ["get", "/v1/files/{file_id}/content", "getFileContent"],
  ["delete", "/v1/files/{file_id}", "deleteFile"],
  ["post", "/v1/fine_tuning/jobs/{fine_tuning_job_id}/cancel", "cancelFineTuningJob"],
  ["get", "/v1/fine_tuning/jobs/{fine_tuning_job_id}/events", "listFineTuningJobEvents"],
  ["post", "/v1/chat/completions", "createChatCompletion"],
  ["post", "/v1/aliases/{alias}", "updateAlias"],
  ["post", "/v1/aliases/{alias}/rollback", "rollbackAlias"],
  ["get", "/v1/aliases/{alias}/history", "getAliasHistory"],
  ["patch", "/v1/admin/tenants/{tenant}", "updateAdminTenant"],
  ["put", "/v1/admin/models/{id}/files/{name}", "putAdminModelFile"],
  ["post", "/v1/deltas/merge", "mergeDeltas"],
  ["get", "/v1/usage", "getUsage"],
  ["get", "/metrics", "getMetrics"],
  ["get", "/healthz", "getHealthz"],
])("%s %s is %s", (method, path, name) => {
  expect(operationName(method, path)).toBe(name);
});
