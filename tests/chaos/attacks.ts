/** What is done to a stack, one row a kind. */
import type { Random } from "../../shared/random.ts";
import { adapterArchive } from "./adapter.ts";
import { flipByte, storedBlobs } from "./damage.ts";
import { sendHostile } from "./hostile.ts";
import { FRONT, killOne, TRAINER, WORKERD } from "./memory.ts";
import { MODEL } from "./streams.ts";
import { field, type Tenant } from "./tenant.ts";
import { answers, type Writer } from "./writer.ts";

export interface Battle {
  /** Who attacks. */
  readonly attacker: Tenant;
  readonly state: string;
  readonly writer: Writer;
  readonly random: Random;
  /** Resolves once the server answers. */
  readonly recovered: () => Promise<void>;
}

export interface Attack {
  readonly name: string;
  /** Whether it kills the server, so that its replies break off. */
  readonly kills: boolean;
  /** What broke in it, in words. */
  readonly run: (battle: Battle) => Promise<readonly string[]>;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const FLOOD = { requests: 120, tokens: 40 };

async function kill({ recovered }: Battle, what: RegExp): Promise<readonly string[]> {
  if (!killOne(what)) return [`no process matches ${what}`];
  await pause(200);
  await recovered();
  return [];
}

/** Kills the server in the moment that it acknowledges a write, which is then looked for at the end. */
async function killAfter(battle: Battle, write: (writer: Writer) => Promise<unknown>): Promise<readonly string[]> {
  await write(battle.writer);
  return await kill(battle, WORKERD);
}

/** Damages a delta before anybody has used it. It must not answer with bytes that nobody trained. */
async function damage({ attacker, state, random }: Battle): Promise<readonly string[]> {
  const before = storedBlobs(state);
  const form = new FormData();
  form.append("model", MODEL);
  form.append("file", new Blob([adapterArchive(1_000_000 + random.below(1_000_000))]), "adapter.zip");
  const uploaded = await attacker.ask("POST", "/v1/deltas", form);
  const [model] = (field(uploaded, "models") ?? []) as string[];
  if (model === undefined) return [`a delta to damage was answered ${uploaded.status} ${uploaded.text.slice(0, 100)}`];
  const blobs = [...storedBlobs(state)].filter((path) => !before.has(path));
  if (blobs.length === 0) return ["no blob of the uploaded delta is in the state folder"];
  // At their ends, where the values are.
  for (const path of blobs) flipByte(path, 0.6 + 0.4 * random.float());
  const { status } = await answers(attacker, model);
  return status === 200 ? ["a delta with damaged bytes answered"] : [];
}

async function flood({ attacker }: Battle): Promise<readonly string[]> {
  const body = {
    ...{ model: MODEL, max_tokens: FLOOD.tokens },
    messages: [{ role: "user", content: "Tell me everything." }],
  };
  const replies = await Promise.all(
    Array.from({ length: FLOOD.requests }, () => attacker.call("POST", "/v1/chat/completions", body)),
  );
  const failed = replies.filter(({ status }) => status >= 500 && status !== 503);
  return failed.length === 0 ? [] : [`${failed.length} requests of a flood were answered ${failed[0]!.status}`];
}

export const ATTACKS: readonly Attack[] = [
  { name: "kill workerd", kills: true, run: (battle) => kill(battle, WORKERD) },
  { name: "kill the front", kills: true, run: (battle) => kill(battle, FRONT) },
  { name: "kill the trainer", kills: false, run: (battle) => kill(battle, TRAINER) },
  { name: "kill after a file", kills: true, run: (battle) => killAfter(battle, (writer) => writer.file()) },
  { name: "kill after a delta", kills: true, run: (battle) => killAfter(battle, (writer) => writer.delta()) },
  { name: "kill after a key", kills: true, run: (battle) => killAfter(battle, (writer) => writer.key()) },
  { name: "kill after feedback", kills: true, run: (battle) => killAfter(battle, (writer) => writer.feedback()) },
  { name: "flood", kills: false, run: flood },
  { name: "hostile requests", kills: false, run: ({ attacker }) => sendHostile(attacker) },
  { name: "damaged bytes", kills: false, run: damage },
];
