import { expect, it, vi } from "vitest";
import { attempt } from "../../../../edge/objects/tenant/job-course.ts";

it("goes on where an attempt fails", async () => {
  const log = vi.spyOn(console, "warn").mockImplementation(() => {});
  await attempt("do it", Promise.reject(new Error("no")));
  expect(log).toHaveBeenCalledWith("could not do it, it will be tried again", expect.any(Error));
  log.mockRestore();
});
