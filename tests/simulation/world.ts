/**
 * Durable Objects, a network between them and a clock, all driven by one seed. The objects run their real modules. Nothing that
 * leaves an object rests on a write that a crash can lose: messages wait until what was written before them is confirmed.
 */
import type { ModuleHost, Rim } from "../../edge/objects/module-host.ts";
import type { Outcome } from "../../edge/objects/outcome.ts";
import type { Invoked } from "../../edge/objects/rpc.ts";
import { createRandom, type Random } from "../../shared/random.ts";
import { SimulatedStorage } from "./storage.ts";

// biome-ignore lint/suspicious/noExplicitAny: a host of any context and any modules
type Host = ModuleHost<any, any>;

/** How hostile a world is; each is drawn anew for every seed. */
export interface Faults {
  /** The share of requests, and of replies, that are lost. */
  readonly lost: number;
  /** The share of messages that take seconds. */
  readonly slow: number;
  /** Milliseconds between crashes, on average. */
  readonly crashEvery: number;
  /** The share of what users do that is followed by a crash within 30 ms. */
  readonly crashAfterAct: number;
  /** Milliseconds between jumps of the clock, on average. */
  readonly jumpEvery: number;
}

export const NO_FAULTS: Faults = { lost: 0, slow: 0, crashEvery: Infinity, crashAfterAct: 0, jumpEvery: Infinity };

interface Due {
  readonly at: number;
  readonly n: number;
  readonly act: () => unknown;
}

const START = Date.UTC(2026, 0, 1);
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

export class World {
  readonly objects = new Map<string, SimulatedObject>();
  readonly trace: string[] = [];
  faults: Faults = NO_FAULTS;
  /** Real time since the start, in milliseconds; the clock that objects see may jump. */
  time = 0;
  #skew = 0;
  #n = 0;
  #due: Due[] = [];
  #random: Random = createRandom(0);
  /** Calls, such as `queue.compare`, that are answered and do nothing: what is left without them shows what they are for. */
  readonly mute = new Map<string, unknown>();
  /** Called after every turn of the world. */
  onTurn: () => void = () => {};

  add(name: string, open: (storage: SimulatedStorage, rim: Rim) => Host): SimulatedObject {
    const object = new SimulatedObject(this, name, open);
    this.objects.set(name, object);
    return object;
  }

  /** Starts over from the objects' base states. */
  reset(seed: number, faults: Faults): void {
    this.time = 0;
    this.#skew = 0;
    this.#n = 0;
    this.#due = [];
    this.#random = createRandom(seed, "world");
    this.trace.length = 0;
    this.faults = faults;
    for (const object of this.objects.values()) object.reset();
  }

  get clock(): number {
    return START + this.time + this.#skew;
  }

  get random(): Random {
    return this.#random;
  }

  chance(share: number): boolean {
    return this.#random.float() < share;
  }

  between(least: number, most: number): number {
    return least + (most - least) * this.#random.float();
  }

  pick<T>(of: readonly T[]): T {
    return of[Math.min(of.length - 1, Math.floor(this.#random.float() * of.length))]!;
  }

  say(line: string): void {
    this.trace.push(`${(this.time / 1000).toFixed(3).padStart(9)} ${line}`);
  }

  /** Moves the clock that every object reads. */
  jump(ms: number): void {
    this.#skew += ms;
    this.say(`the clock jumps by ${Math.round(ms / 1000)} s`);
    for (const object of this.objects.values()) object.watchAlarm();
  }

  schedule(afterMs: number, act: () => unknown): void {
    const due = { at: this.time + afterMs, n: this.#n++, act };
    // The nearest comes last.
    let low = 0;
    for (let high = this.#due.length; low < high; ) {
      const middle = (low + high) >> 1;
      const other = this.#due[middle]!;
      if (other.at > due.at || (other.at === due.at && other.n > due.n)) low = middle + 1;
      else high = middle;
    }
    this.#due.splice(low, 0, due);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.schedule(ms, resolve));
  }

  async runUntil(time: number): Promise<void> {
    for (let due = this.#due.at(-1); due !== undefined && due.at <= time; due = this.#due.at(-1)) {
      this.#due.pop();
      this.time = due.at;
      due.act();
      await settled();
      for (const object of this.objects.values()) object.storage.endStretch();
      this.onTurn();
    }
    this.time = time;
  }

  /** How long a message travels. */
  travel(): number {
    return this.chance(this.faults.slow) ? this.between(100, 8_000) : this.between(0.1, 3);
  }

  /** A call that crosses the network: from an object, or from outside. */
  call(from: SimulatedObject | null, to: SimulatedObject, [module, method, args]: Call): Promise<Outcome<unknown>> {
    const label = `${from?.name ?? "outside"} → ${to.name} ${module}.${method}`;
    const life = from?.life;
    return new Promise((resolve, reject) => {
      let answered = false;
      const answer = (settle: () => void) => {
        if (answered || from?.life !== life) return;
        answered = true;
        settle();
      };
      const fail = (why: string) => {
        this.say(`${label}: ${why}`);
        this.schedule(this.travel(), () => answer(() => reject(new Error(`${label}: ${why}`))));
      };
      const deliver = async () => {
        const inside = to.enter(() => fail("the object crashed"));
        const muted = `${module}.${method}`;
        const outcome = this.mute.has(muted)
          ? ({ ok: true, value: this.mute.get(muted) } as const)
          : await to.host.invoke(module, method, structuredClone(args) as unknown[]);
        to.send(() => {
          inside.leave();
          if (this.chance(this.faults.lost)) return fail("the reply is lost");
          this.schedule(this.travel(), () => answer(() => resolve(structuredClone(outcome))));
        }, inside.life);
      };
      const request = () => {
        if (this.chance(this.faults.lost)) return fail("the request is lost");
        this.schedule(this.travel(), deliver);
      };
      if (from === null) request();
      else from.send(request, from.life);
    });
  }
}

type Call = readonly [module: string, method: string, args: readonly unknown[]];

/** One Durable Object: its storage, and its modules while it is awake. */
export class SimulatedObject {
  readonly name: string;
  readonly storage = new SimulatedStorage();
  /** Counts the object's lives; what an earlier one waited for never arrives. */
  life = 0;
  readonly #world: World;
  readonly #open: (storage: SimulatedStorage, rim: Rim) => Host;
  #host: Host | undefined;
  #held: (() => void)[] = [];
  #calls = new Set<() => void>();
  #firing: number | null = null;
  #watched: number | null = null;

  constructor(world: World, name: string, open: (storage: SimulatedStorage, rim: Rim) => Host) {
    this.#world = world;
    this.name = name;
    this.#open = open;
    this.storage.onDirty = () => world.schedule(world.between(0.1, 20), () => this.#confirm());
    this.storage.onAlarm = () => this.watchAlarm();
  }

  get host(): Host {
    const { life } = this;
    this.#host ??= this.#open(this.storage, {
      now: () => Math.floor(this.#world.clock),
      random: (bytes) => {
        for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(this.#world.random.float() * 256);
        return bytes;
      },
    });
    if (this.life !== life) throw new Error("an object cannot crash while it wakes");
    return this.#host;
  }

  /** The object as others call it. */
  calledBy(from: SimulatedObject | null): Invoked {
    return { invoke: (module, method, args) => this.#world.call(from, this, [module, method, args]) };
  }

  enter(onCrash: () => void): { readonly life: number; leave(): void } {
    this.#calls.add(onCrash);
    return { life: this.life, leave: () => this.#calls.delete(onCrash) };
  }

  /** Sends once everything written so far is confirmed. */
  send(message: () => void, life: number): void {
    if (life !== this.life) return;
    if (this.storage.dirty) this.#held.push(message);
    else message();
  }

  crash(): void {
    const { states } = this.storage;
    const state = Math.min(states - 1, Math.floor(this.#world.random.float() * states));
    const lost = states - 1 - state;
    this.#world.say(`${this.name} crashes${lost > 0 ? ` and loses its last ${lost} writes` : ""}`);
    this.storage.crash(state);
    // An alarm whose work did not end goes off again.
    if (this.#firing !== null) this.storage.alarm ??= this.#firing;
    this.#end();
    const calls = [...this.#calls];
    this.#calls.clear();
    for (const onCrash of calls) onCrash();
    this.watchAlarm();
  }

  reset(): void {
    this.#end();
    this.#calls.clear();
    this.storage.reset();
    this.watchAlarm();
  }

  /** Schedules the alarm that is set, if it is. */
  watchAlarm(): void {
    const at = this.storage.alarm;
    this.#watched = at;
    if (at === null) return;
    const late = this.#world.chance(this.#world.faults.slow)
      ? this.#world.between(0, 5_000)
      : this.#world.between(0, 5);
    this.#world.schedule(Math.max(0, at - this.#world.clock) + late, () => this.#fire(at));
  }

  #end(): void {
    this.life++;
    this.#host = undefined;
    this.#held = [];
    this.#firing = null;
    this.#watched = null;
  }

  #confirm(): void {
    if (!this.storage.dirty) return;
    this.storage.confirm();
    const held = this.#held;
    this.#held = [];
    for (const message of held) message();
  }

  async #fire(at: number): Promise<void> {
    if (this.storage.alarm !== at || this.#watched !== at || this.#firing !== null || at > this.#world.clock) {
      // The clock went back, or the last alarm's work goes on.
      if (this.storage.alarm === at && this.#firing !== null) this.#world.schedule(100, () => this.#fire(at));
      else if (this.storage.alarm === at && at > this.#world.clock) this.watchAlarm();
      return;
    }
    const { life } = this;
    this.#firing = at;
    this.storage.alarm = null;
    await this.host.alarm();
    // An alarm is over once what its work has written is confirmed.
    this.send(() => {
      this.#firing = null;
    }, life);
  }
}
