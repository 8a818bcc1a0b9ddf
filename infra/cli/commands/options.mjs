/** Options that many commands share. */
import { InvalidArgumentError } from "commander";

/**
 * A command that prints the API's reply, or the program's own figures, with `--json`.
 *
 * @param {import("commander").Command} command
 */
export function withJson(command) {
  return command.option("--json", "print JSON");
}

/**
 * A command that calls the API with a tenant's key.
 *
 * @param {import("commander").Command} command
 */
export function withTenant(command) {
  return withJson(command)
    .option("--url <url>", "the server (default: OPENAI_BASE_URL, or the one on this machine)")
    .option("--key <key>", "a tenant's key (default: OPENAI_API_KEY, or the one that the server printed)");
}

/**
 * For options that may be given several times.
 *
 * @param {string} value
 * @param {readonly string[]} [earlier]
 */
export function collect(value, earlier = []) {
  return [...earlier, value];
}

/**
 * For options that take a whole number from `least` on.
 *
 * @param {number} least
 * @returns {(text: string) => number}
 */
export function wholeNumber(least) {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} on.`);
  };
}

/**
 * For options that take a number.
 *
 * @param {string} text
 */
export function decimal(text) {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It must be a number.");
}
