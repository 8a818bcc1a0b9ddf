/**
 * Waits for a real timer, so that new requests, disconnects and written bytes get through between two pieces of work that block
 * the thread.
 */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
