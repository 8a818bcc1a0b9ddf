const WIDTH = 24;

/** Draws a progress bar on standard error, over the previous one: `done` of `total` units are complete, now doing `what`. */
export function showProgress(done: number, total: number, unit: string, what: string): void {
  const bar = "█".repeat(Math.round((WIDTH * done) / total)).padEnd(WIDTH, "░");
  process.stderr.write(`\r\u001b[K${bar} ${done}/${total} ${unit}  ${what}${done === total ? "\n" : ""}`);
}
