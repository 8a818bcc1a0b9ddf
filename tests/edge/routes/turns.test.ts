import { describe, expect, it } from "vitest";
import { Turns } from "../../../edge/routes/turns.ts";

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe("Turns", () => {
  it("does one piece at a time, and lets tenants take turns", async () => {
    const turns = new Turns({ most: 10, mostOfTenant: 3 });
    const first = gate();
    const done: string[] = [];
    let running = 0;
    const piece = (name: string, wait?: Promise<void>) => async () => {
      running += 1;
      expect(running).toBe(1);
      await wait;
      done.push(name);
      running -= 1;
    };
    const all = [
      turns.take("a", piece("a1", first.opened)),
      turns.take("a", piece("a2")),
      turns.take("a", piece("a3")),
      turns.take("b", piece("b1")),
    ];
    first.open();
    await Promise.all(all);
    expect(done).toEqual(["a1", "a2", "b1", "a3"]);
  });

  it("refuses what would wait too long, and goes on after an error", async () => {
    const turns = new Turns({ most: 2, mostOfTenant: 1 });
    const first = gate();
    const running = turns.take("a", async () => {
      await first.opened;
      throw new Error("the piece failed");
    });
    const waiting = [turns.take("a", async () => "a"), turns.take("b", async () => "b")];
    await expect(turns.take("a", async () => "")).rejects.toMatchObject({ code: "rate_limit_exceeded" });
    await expect(turns.take("c", async () => "")).rejects.toMatchObject({ code: "capacity_exceeded" });
    first.open();
    await expect(running).rejects.toThrow("the piece failed");
    expect(await Promise.all(waiting)).toEqual(["a", "b"]);
    expect(await turns.take("c", async () => "c")).toBe("c");
  });
});
