/**
 * Takes every case once a round, forwards and backwards in turn, so that whatever else the machine does hits all alike; gives
 * what was taken of each case, by round. A first round only warms up.
 */
export async function inTurns<C, T>(
  cases: readonly C[],
  rounds: number,
  between: () => Promise<void>,
  take: (one: C) => Promise<T>,
): Promise<T[][]> {
  const taken = cases.map((): T[] => []);
  for (let round = -1; round < rounds; round++) {
    const order = [...cases.keys()];
    if (round % 2 === 1) order.reverse();
    for (const i of order) {
      const one = await take(cases[i]!);
      if (round >= 0) taken[i]!.push(one);
    }
    await between();
  }
  return taken;
}
