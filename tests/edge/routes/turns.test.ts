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
    const turns = new Turns({ what: "merges", most: 10, mostOfTenant: 3 });
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
    const turns = new Turns({ what: "merges", most: 2, mostOfTenant: 1 });
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

  it("lets the newest of whoever has most waiting make place for another tenant", async () => {
    const turns = new Turns({ what: "merges", most: 3, mostOfTenant: 3 });
    const first = gate();
    const done: string[] = [];
    const piece = (name: string) => turns.take(name[0]!, async () => void done.push(name));
    const running = turns.take("a", () => first.opened);
    const kept = [piece("a1"), piece("a2")];
    const evicted = piece("a3");
    const other = piece("b1");
    await expect(evicted).rejects.toMatchObject({
      code: "rate_limit_exceeded",
      message: "3 of your merges wait for their turn already. Send the next one when they are done.",
    });
    // Now the two have as much waiting as they can have at once.
    await expect(piece("b2")).rejects.toMatchObject({ code: "rate_limit_exceeded" });
    first.open();
    await Promise.all([running, ...kept, other]);
    expect(done).toEqual(["a1", "b1", "a2"]);
  });
});
