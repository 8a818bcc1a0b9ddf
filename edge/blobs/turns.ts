/** Lets the event loop run, so that the other requests of the isolate get their turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/**
 * Unpacked bytes that are read before others get their turn: about 20 milliseconds of work. A Worker's clock stands still while it
 * computes, so the work itself is counted.
 */
const BYTES_OF_A_TURN = 512 << 10;

/** Takes a turn whenever enough has been read since the last one. */
export function taker(): (read: { readonly bytesRead: number }) => Promise<void> {
  let upTo = BYTES_OF_A_TURN;
  return async ({ bytesRead }) => {
    if (bytesRead < upTo) return;
    upTo = bytesRead + BYTES_OF_A_TURN;
    await turn();
  };
}
