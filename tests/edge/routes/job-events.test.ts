import { expect, it } from "vitest";
import type { Remote } from "../../../edge/objects/rpc.ts";
import type { Tenant } from "../../../edge/objects/tenant.ts";
import { streamEvents } from "../../../edge/routes/job-events.ts";
import { TrimtabError } from "../../../shared/errors.ts";

type Stretch = { events: unknown[]; cursor: number; ended: boolean };

/** A tenant that answers with one stretch after the other. */
function tenantOf(stretches: (Stretch | Error)[]): { tenant: Remote<Tenant>; cursors: number[] } {
  const cursors: number[] = [];
  const follow = async (_: string, cursor: number) => {
    cursors.push(cursor);
    const next = stretches.shift();
    if (next instanceof Error) throw next;
    return next;
  };
  return { tenant: { events: { follow } } as unknown as Remote<Tenant>, cursors };
}

it("events follow the cursor, silence is a comment, and the end is said", async () => {
  const { tenant, cursors } = tenantOf([
    { events: [{ a: 1 }, { a: 2 }], cursor: 2, ended: false },
    { events: [], cursor: 2, ended: false },
    { events: [{ a: 3 }], cursor: 3, ended: false },
    { events: [], cursor: 3, ended: true },
  ]);
  expect((await streamEvents(tenant, "j").text()).split("\n\n")).toEqual([
    'data: {"a":1}',
    'data: {"a":2}',
    ": waiting",
    'data: {"a":3}',
    "data: [DONE]",
    "",
  ]);
  expect(cursors).toEqual([0, 2, 2, 3]);
});

it("a failure is the last line", async () => {
  const { tenant } = tenantOf([new TrimtabError("not_found", "gone")]);
  expect(JSON.parse((await streamEvents(tenant, "j").text()).slice("data: ".length))).toMatchObject({
    error: { code: "not_found" },
  });
});
