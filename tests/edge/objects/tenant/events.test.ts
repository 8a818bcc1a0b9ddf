import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import { addEvent, addTrainerEvents, eventsAfter, listEvents } from "../../../../edge/objects/tenant/events.ts";
import { Api } from "../../support/api.ts";
import { withTenant } from "../../support/tenant-database.ts";

let ids = 0;
const event = (seq: number, fields: Record<string, unknown> = {}) =>
  ({ id: `ftevent-${ids++}`, seq, level: "info", message: `m${seq}`, type: "message", data: null, ...fields }) as never;
const metrics = (seq: number, step: number) => event(seq, { type: "metrics", data: { step } });

describe("events", () => {
  it("are stored once for each fence and number, and a step's metrics once for the job", () =>
    withTenant((db) => {
      const add = (fence: number, events: never[]) => addTrainerEvents(db, { job: "j", fence, events }, 7_000);
      expect(add(1, [event(0), metrics(1, 1), metrics(2, 2)])).toEqual({ accepted: 3, duplicates: 0 });
      expect(add(1, [metrics(2, 2), metrics(3, 3)])).toEqual({ accepted: 1, duplicates: 1 });
      expect(add(2, [event(0), metrics(1, 3), metrics(2, 4)])).toEqual({ accepted: 2, duplicates: 1 });
      expect(listEvents(db, "j", { limit: 10 }).data.map(({ data }) => data?.step ?? null)).toEqual([
        4,
        null,
        3,
        2,
        1,
        null,
      ]);
      expect(listEvents(db, "other", { limit: 10 }).data).toEqual([]);
    }));

  it("are followed from a cursor on, oldest first", () =>
    withTenant((db) => {
      addEvent(db, { id: "ftevent-a", job: "j", level: "warn", message: "one" }, 1_000);
      const first = eventsAfter(db, "j", 0);
      expect(first.events).toMatchObject([
        { id: "ftevent-a", created_at: 1, level: "warn", type: "message", data: null },
      ]);
      addEvent(db, { id: "ftevent-b", job: "j", level: "info", message: "two" }, 1_000);
      const second = eventsAfter(db, "j", first.cursor);
      expect(second.events.map(({ message }) => message)).toEqual(["two"]);
      expect(eventsAfter(db, "j", second.cursor)).toEqual({ events: [], cursor: second.cursor });
    }));
});

describe("following a job's events", () => {
  it("returns at once what is there, and waits for what is not", async () => {
    const api = new Api();
    const tenant = tenantObject(env, "events-tenant");
    await api.base("events-base");
    const key = await api.tenant("events-tenant");
    const body = { model: "events-base", training_file: await api.dataset(key) };
    const { id } = await api.call<{ id: string }>("POST", "/v1/fine_tuning/jobs", { key, body });
    const first = await tenant.events.follow(id, 0, 10_000);
    expect(first).toMatchObject({ ended: false, events: [{ message: `Created fine-tuning job: ${id}` }] });
    const waiting = tenant.events.follow(id, first.cursor, 10_000);
    await tenant.jobs.pause(id);
    const second = await waiting;
    expect(second.events.map(({ message }) => message)).toEqual(["The job was paused"]);
    expect(await tenant.events.follow(id, second.cursor, 20)).toEqual({
      events: [],
      cursor: second.cursor,
      ended: false,
    });
    await tenant.jobs.cancel(id);
    const last = await tenant.events.follow(id, second.cursor, 20);
    expect(last).toMatchObject({ ended: false, events: [{ message: "The job was cancelled" }] });
    expect(await tenant.events.follow(id, last.cursor, 10_000)).toEqual({
      events: [],
      cursor: last.cursor,
      ended: true,
    });
  });
});
