/** Writes that a tenant expects to find again, each noted once the API has acknowledged it. */
import { createHash } from "node:crypto";
import type { Random } from "../../shared/random.ts";
import { adapterArchive } from "./adapter.ts";
import type { Ledger } from "./ledger.ts";
import { MODEL } from "./streams.ts";
import { field, type Reply, type Tenant } from "./tenant.ts";

export interface WriterOptions {
  readonly tenant: Tenant;
  /** Makes keys of the tenant. */
  readonly admin: Tenant;
  readonly id: string;
  readonly url: string;
  readonly ledger: Ledger;
  readonly random: Random;
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

export class Writer {
  readonly #options: WriterOptions;
  #n = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Writes one thing, of a kind that chance chooses. Whether it was acknowledged. */
  async write(): Promise<boolean> {
    const acts = [() => this.file(), () => this.key(), () => this.delta(), () => this.feedback()];
    const act = acts[this.#options.random.below(acts.length)]!;
    return (await act()) !== undefined;
  }

  /** A dataset; its id if it was acknowledged. */
  async file(): Promise<string | undefined> {
    const { tenant, ledger } = this.#options;
    const n = this.#n++;
    const line = (i: number) =>
      JSON.stringify({
        messages: [
          { role: "user", content: `What comes after ${n}.${i}?` },
          { role: "assistant", content: `After ${i} comes ${i + 1}.` },
        ],
      });
    const text = Array.from({ length: 16 }, (_, i) => line(i)).join("\n");
    const form = new FormData();
    form.append("purpose", "fine-tune");
    form.append("file", new Blob([text]), `lines-${n}.jsonl`);
    const id = created(await tenant.call("POST", "/v1/files", form));
    if (id === undefined) return undefined;
    ledger.acknowledge("file", id, async () => {
      const content = await tenant.ask("GET", `/v1/files/${id}/content`);
      return content.status === 200 && digest(content.text) === digest(text);
    });
    return id;
  }

  async key(): Promise<string | undefined> {
    const { admin, id: tenant, url, ledger } = this.#options;
    const path = `/v1/admin/tenants/${tenant}/keys`;
    // As many as a tenant may have, less those that its streams use.
    if (ledger.ids("key").length >= 90) return undefined;
    const reply = await admin.call("POST", path, { name: `key ${this.#n++}` });
    const [id, key] = [created(reply), field(reply, "key")];
    if (id === undefined) return undefined;
    ledger.acknowledge("key", id, async () => (await callWith(url, String(key))) === 200);
    return id;
  }

  async delta(): Promise<string | undefined> {
    const { tenant, ledger } = this.#options;
    const form = new FormData();
    form.append("model", MODEL);
    form.append("file", new Blob([adapterArchive(this.#n++)]), "adapter.zip");
    const reply = await tenant.call("POST", "/v1/deltas", form);
    const id = created(reply);
    if (id === undefined) return undefined;
    const [name] = field(reply, "models") as string[];
    ledger.acknowledge("delta", id, async () => {
      const [shown, used] = [await tenant.ask("GET", `/v1/deltas/${id}`), await answers(tenant, name ?? "")];
      return shown.status === 200 && used.status === 200;
    });
    return id;
  }

  /** A verdict on a reply that is kept. */
  async feedback(): Promise<string | undefined> {
    const { tenant, ledger } = this.#options;
    const messages = [{ role: "user", content: `Hello ${this.#n++}` }];
    const reply = await tenant.call("POST", "/v1/chat/completions", {
      model: MODEL,
      max_tokens: 4,
      store: true,
      messages,
    });
    const completion = created(reply);
    if (completion === undefined) return undefined;
    const verdict = { type: "thumbs", value: "up" };
    const id = created(await tenant.call("POST", "/v1/feedback", { completion_id: completion, verdict }));
    if (id === undefined) return undefined;
    ledger.acknowledge("feedback", id, async () => (await tenant.ask("GET", `/v1/feedback/${id}`)).status === 200);
    return id;
  }

  /** A job of a few steps on a file that was acknowledged. */
  async job(file: string): Promise<string | undefined> {
    const { tenant, ledger } = this.#options;
    const hyperparameters = { max_steps: 12, batch_size: 4, checkpoint_steps: 3 };
    const body = {
      ...{ model: MODEL, training_file: file, suffix: `chaos-${this.#n++}`, seed: this.#n },
      method: { type: "supervised", supervised: { hyperparameters } },
    };
    const id = created(await tenant.call("POST", "/v1/fine_tuning/jobs", body));
    if (id === undefined) return undefined;
    ledger.acknowledge("job", id, async () => (await untilEnded(tenant, id)) === "succeeded");
    return id;
  }
}

/** One short reply of a model. */
export async function answers(tenant: Tenant, model: string): Promise<Reply> {
  return await tenant.ask("POST", "/v1/chat/completions", {
    ...{ model, max_tokens: 1, messages: [{ role: "user", content: "Hi" }] },
  });
}

/** The status that a job ends with; the last one seen if it does not end in two minutes. */
export async function untilEnded(tenant: Tenant, job: string): Promise<string> {
  const late = performance.now() + 120_000;
  for (;;) {
    const status = String(field(await tenant.ask("GET", `/v1/fine_tuning/jobs/${job}`), "status"));
    if (["succeeded", "failed", "cancelled"].includes(status) || performance.now() > late) return status;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function callWith(url: string, key: string): Promise<number> {
  const response = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  await response.arrayBuffer();
  return response.status;
}

/** The id of what a reply says was made; undefined where it does not. */
function created(reply: Reply): string | undefined {
  const id = field(reply, "id");
  return reply.status === 200 && typeof id === "string" ? id : undefined;
}
