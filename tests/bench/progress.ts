const WIDTH = 24;

/** Draws a bar on standard error, over the one before it: `what` is being done, `done` of `total` units are behind. */
export function showProgress(done: number, total: number, unit: string, what: string): void {
  const bar = "█".repeat(Math.round((WIDTH * done) / total)).padEnd(WIDTH, "░");
  process.stderr.write(`\r\u001b[K${bar} ${done}/${total} ${unit}  ${what}${done === total ? "\n" : ""}`);
}
