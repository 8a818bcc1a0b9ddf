/** From rewards to advantages. Everything here is computed in float64, over lists of numbers per reply token or per reply. */

/** Added to a variance or a deviation before dividing by it, as trl does. */
const VARIANCE_EPSILON = 1e-8;
const DEVIATION_EPSILON = 1e-4;

export interface GaeOptions {
  readonly gamma: number;
  readonly lambda: number;
}

/**
 * Generalised advantage estimation for one reply: δₜ = rₜ + γ Vₜ₊₁ − Vₜ with V = 0 after the last token, Aₜ = δₜ + γλ Aₜ₊₁
 * (Schulman et al. 2016).
 */
export function generalisedAdvantages(
  rewards: ArrayLike<number>,
  values: ArrayLike<number>,
  { gamma, lambda }: GaeOptions,
): number[] {
  const advantages = new Array<number>(rewards.length);
  let next = 0;
  for (let t = rewards.length - 1; t >= 0; t--) {
    const delta = rewards[t]! + gamma * (values[t + 1] ?? 0) - values[t]!;
    next = delta + gamma * lambda * next;
    advantages[t] = next;
  }
  return advantages;
}

/** Gₜ = rₜ + γ Gₜ₊₁ for one reply. */
export function discountedReturns(rewards: ArrayLike<number>, gamma: number): number[] {
  const returns = new Array<number>(rewards.length);
  let next = 0;
  for (let t = rewards.length - 1; t >= 0; t--) {
    next = rewards[t]! + gamma * next;
    returns[t] = next;
  }
  return returns;
}

/**
 * All numbers of all lists shifted to mean 0, unless `shift` is false, and scaled to variance 1: (x − mean) / √(variance + 1e-8),
 * with the unbiased variance. A single number has no variance and becomes 0, or stays.
 */
export function whitened(lists: readonly (readonly number[])[], { shift = true } = {}): number[][] {
  const all = lists.flat();
  const mean = meanOf(all);
  const scale = all.length < 2 ? 1 : 1 / Math.sqrt(varianceOf(all) + VARIANCE_EPSILON);
  return lists.map((list) => list.map((x) => (x - mean) * scale + (shift ? 0 : mean)));
}

/** Each reward less the mean of the others of its group: (Σ − r) / (n − 1) (Ahmadian et al. 2024). */
export function leaveOneOut(rewards: readonly number[], generations: number): number[] {
  return groupsOf(rewards, generations).flatMap((group) => {
    if (areEqual(group)) return group.map(() => 0);
    const sum = group.reduce((total, reward) => total + reward, 0);
    return group.map((reward) => reward - (sum - reward) / (group.length - 1));
  });
}

/** Each reward less the mean of its group. */
export function lessGroupMean(rewards: readonly number[], generations: number): number[] {
  return groupsOf(rewards, generations).flatMap((group) => {
    if (areEqual(group)) return group.map(() => 0);
    const mean = meanOf(group);
    return group.map((reward) => reward - mean);
  });
}

/** Numbers divided by their deviation in the group, in the batch, or not: x / (σ + 1e-4). `from`: what σ is taken of. */
export function scaledBy(
  numbers: readonly number[],
  from: readonly number[],
  { by, generations }: { readonly by: "group" | "batch" | "none"; readonly generations: number },
): number[] {
  if (by === "none") return [...numbers];
  const groups = groupsOf(from, by === "group" ? generations : from.length);
  const deviations = groups.flatMap((group) => group.map(() => deviationOf(group)));
  return numbers.map((x, i) => x / (deviations[i]! + DEVIATION_EPSILON));
}

/** (x − mean) / (σ + 1e-4) over all. */
export function normalised(numbers: readonly number[]): number[] {
  const mean = meanOf(numbers);
  const deviation = deviationOf(numbers);
  return numbers.map((x) => (x - mean) / (deviation + DEVIATION_EPSILON));
}

/** In groups of as many; 0 for a group of one. */
export function groupDeviations(numbers: readonly number[], generations: number): number[] {
  return groupsOf(numbers, generations).map(deviationOf);
}

export function meanOf(numbers: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += numbers[i]!;
  return numbers.length === 0 ? 0 : sum / numbers.length;
}

/** Unbiased; 0 for fewer than two numbers. */
export function varianceOf(numbers: readonly number[]): number {
  if (areEqual(numbers)) return 0;
  const mean = meanOf(numbers);
  return numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (numbers.length - 1);
}

export function deviationOf(numbers: readonly number[]): number {
  return Math.sqrt(varianceOf(numbers));
}

/** Exactly: the mean of eight times 0.1 is not 0.1, and what is left of it would be scaled up as if it were a difference. */
function areEqual(numbers: readonly number[]): boolean {
  return numbers.every((x) => x === numbers[0]);
}

function groupsOf<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));
}
