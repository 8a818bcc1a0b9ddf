import { hashText } from "./random.ts";

const HELD_OUT_ONE_IN = 8;

/** Whether the instance or combination named by `key` is held out of training, for evaluation only. */
export function isHeldOut(key: string): boolean {
  return hashText(`held out ${key}`) % HELD_OUT_ONE_IN === 0;
}
