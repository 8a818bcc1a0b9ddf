/**
 * Works on items with a bounded number at a time, and gives the results in their order. After an error no further item is begun;
 * rejects with the first one once those that were begun have ended, for which `failed` may hurry them.
 */
export async function atMost<T, R>(
  limit: number,
  items: readonly T[],
  { work, failed = () => {} }: { readonly work: (item: T, index: number) => Promise<R>; readonly failed?: () => void },
): Promise<R[]> {
  const results: R[] = [];
  const errors: unknown[] = [];
  const left = items.entries();
  const worker = async () => {
    for (const [index, item] of left) {
      if (errors.length > 0) return;
      try {
        results[index] = await work(item, index);
      } catch (error) {
        errors.push(error);
        failed();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  if (errors.length > 0) throw errors[0];
  return results;
}
