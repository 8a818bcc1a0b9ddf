import { describe, expect, it } from "vitest";
import { Service } from "../../../edge/serving/service.ts";

describe("Service", () => {
  it("counts what tenants were served, and starts a newcomer a credit behind the least served", () => {
    const service = new Service();
    service.add("a", 5_000);
    service.add("b", 9_000);
    expect([service.of("a"), service.of("b")]).toEqual([5_000, 5_000 - 1024 + 9_000]);
    expect(service.of("new")).toBe(service.of("a") - 1024);
  });

  it("gives nobody more than the credit for having been away", () => {
    const service = new Service();
    service.add("a", 100);
    service.add("b", 50_000);
    service.leave("a");
    service.add("b", 50_000);
    expect(service.of("b") - service.of("a")).toBe(1024);
  });

  it("lets nobody shake off what it was served by leaving for a moment", () => {
    const service = new Service();
    service.add("a", 10);
    service.add("b", 500);
    const before = service.of("b") - service.of("a");
    service.leave("b");
    expect(service.of("b") - service.of("a")).toBe(before);
    service.add("b", 1);
    expect(service.of("b") - service.of("a")).toBe(before + 1);
  });

  it("forgets everything once nobody is there", () => {
    const service = new Service();
    service.add("a", 700);
    service.add("b", 900);
    service.leave("a");
    service.leave("b");
    service.leave("never came");
    expect([service.of("a"), service.of("b")]).toEqual([0, 0]);
  });
});
