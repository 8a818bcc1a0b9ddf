/** From an edit's answer to the first token that its model writes, on a server that runs. */

import { factProbes } from "../../../infra/base/evaluation/sets.ts";
import { table } from "../../../infra/cli/table.ts";
import { median } from "../median.ts";
import { showProgress } from "../progress.ts";

export interface FirstUse {
  /** Milliseconds of each edit: until it was answered, and until the first token behind that, with its model, and again. */
  readonly edit: readonly number[];
  readonly first: readonly number[];
  readonly again: readonly number[];
  /** Until the first token of the bare base, between the edits. */
  readonly bare: readonly number[];
}

interface Server {
  readonly url: string;
  readonly key: string;
  readonly model: string;
}

/** Edits one fact after the other by ROME, each waited for, used twice and undone. The first only warms up. Throws what is refused. */
export async function measureFirstUse(server: Server, edits: number): Promise<FirstUse> {
  const facts = factProbes().filter(({ relation }) => relation === "capital");
  const taken = { edit: [] as number[], first: [] as number[], again: [] as number[], bare: [] as number[] };
  for (let nth = -1; nth < edits; nth++) {
    const { prompt, subject, answer } = facts[nth + 1]!;
    const other = facts.find((fact) => fact.answer !== answer && fact.answer.length !== answer.length)!;
    const bare = await timed(() => firstToken(server, server.model, prompt));
    const body = {
      model: server.model,
      method: "rome",
      facts: [{ prompt, subject, target_new: other.answer }],
      wait: 300,
    };
    const edit = await timed(async () => {
      const response = await call(server, "POST", "edits", body);
      return (await response.json()) as { id: string; status: string; fine_tuned_model: string | null };
    });
    const { id, status, fine_tuned_model: model } = edit.result;
    if (model === null) throw new Error(`${id} ended as ${status}, without a model`);
    const first = await timed(() => firstToken(server, model, prompt));
    const again = await timed(() => firstToken(server, model, prompt));
    await call(server, "DELETE", `edits/${id}`);
    if (nth >= 0) {
      for (const [name, { ms }] of Object.entries({ edit, first, again, bare })) taken[name as keyof FirstUse].push(ms);
    }
    showProgress(nth + 2, edits + 1, "edits", prompt);
  }
  return taken;
}

export function firstUseTable({ edit, first, again, bare }: FirstUse): string {
  const row = (what: string, all: readonly number[]) => [
    what,
    ...[median(all), Math.max(...all)].map((ms) => ms.toFixed(0)),
  ];
  return table(
    ["until", "median ms", "most"],
    [
      row("an edit is answered", edit),
      row("its model's first token", first),
      row("the same once more", again),
      row("the bare base's first token", bare),
    ],
    { right: [1, 2] },
  );
}

async function timed<T>(take: () => Promise<T>): Promise<{ readonly ms: number; readonly result: T }> {
  const start = performance.now();
  const result = await take();
  return { ms: performance.now() - start, result };
}

/** Reads a streamed completion up to its first bytes. */
async function firstToken(server: Server, model: string, prompt: string): Promise<void> {
  const response = await call(server, "POST", "completions", {
    model,
    prompt,
    max_tokens: 4,
    temperature: 0,
    stream: true,
  });
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
}

async function call({ url, key }: Server, method: string, path: string, body?: object): Promise<Response> {
  const response = await fetch(`${url}/${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${(await response.text()).slice(0, 500)}`);
  return response;
}
