export interface SteeringCondition {
  readonly layer: number;
  readonly vector: readonly number[];
  readonly threshold: number;
}
export function conditionHolds(_condition: SteeringCondition, _activation: Float32Array): { holds: boolean; score: number } {
  return { holds: true, score: 0 };
}
