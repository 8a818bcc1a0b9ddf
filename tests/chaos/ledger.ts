/** What the API has acknowledged, and whether it is still there afterwards. */

export const KINDS = ["file", "key", "delta", "feedback", "job"] as const;
export type Kind = (typeof KINDS)[number];

/** Whether a thing is still as it was acknowledged. */
type Check = () => Promise<boolean>;

export interface Count {
  readonly acknowledged: number;
  readonly lost: number;
}

export class Ledger {
  readonly #checks = new Map<Kind, Map<string, Check>>(KINDS.map((kind) => [kind, new Map()]));

  acknowledge(kind: Kind, id: string, check: Check): void {
    this.#checks.get(kind)!.set(id, check);
  }

  ids(kind: Kind): string[] {
    return [...this.#checks.get(kind)!.keys()];
  }

  /** Looks for everything; `lost` names what is gone. */
  async verify(): Promise<{ readonly counts: Readonly<Record<Kind, Count>>; readonly lost: readonly string[] }> {
    const lost: string[] = [];
    const counts = {} as Record<Kind, Count>;
    for (const kind of KINDS) {
      const before = lost.length;
      const checks = this.#checks.get(kind)!;
      for (const [id, check] of checks) if (!(await check())) lost.push(`${kind} ${id}`);
      counts[kind] = { acknowledged: checks.size, lost: lost.length - before };
    }
    return { counts, lost };
  }
}
