/** A trainer's hold on a job; the fence grows with every lease, so an older hold is known to be stale. */
export interface Hold {
  readonly job: string;
  readonly fence: number;
}
