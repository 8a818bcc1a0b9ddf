import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import type { Unit, UnitExample } from "./units.ts";

/** The examples with `count` untrained placeholders before each. Columns of tokens move along, 0 before. */
export function withVirtualTokens<E extends UnitExample>(
  examples: readonly E[],
  count: number,
  padId: number,
): readonly E[] {
  if (count === 0) return examples;
  return examples.map((example) => {
    const { ids, labels, columns } = example;
    return {
      ...example,
      ids: after(new Int32Array(count + ids.length).fill(padId, 0, count), ids),
      labels: after(new Int32Array(count + labels.length).fill(IGNORED_LABEL, 0, count), labels),
      ...(columns === undefined ? {} : { columns: movedColumns(columns, count) }),
    };
  });
}

export function unitsWithVirtualTokens(units: readonly Unit[], count: number, padId: number): readonly Unit[] {
  if (count === 0) return units;
  return units.map((unit) => ({ ...unit, examples: withVirtualTokens(unit.examples, count, padId) }));
}

type Columns = NonNullable<UnitExample["columns"]>;

function movedColumns(columns: Columns, count: number): Columns {
  return Object.fromEntries(
    Object.entries(columns).map(([name, value]) => [
      name,
      typeof value === "number" ? value : after(new Float32Array(count + value.length), value),
    ]),
  );
}

/** `target` with `values` at its end. */
function after<A extends Int32Array | Float32Array>(target: A, values: A): A {
  target.set(values, target.length - values.length);
  return target;
}
