import { Command, CommanderError } from "commander";
import { COMMANDS } from "./commands/registry.mjs";

/**
 * The `trimtab` program as a function of its words. It never throws: what goes wrong is written with `effects.fail`, as the API's
 * error object where `--json` is among the words.
 *
 * @param {import("./effects.ts").CliEffects} effects
 * @returns {(words: readonly string[]) => Promise<void>}
 */
export function program(effects) {
  return async (words) => {
    const isJson = words.includes("--json");
    const trimtab = new Command("trimtab")
      .description("Fine-tune language models, serve the results and look at data, from the command line.")
      .configureHelp({ showGlobalOptions: true })
      .showHelpAfterError("(add --help for what it takes)")
      .configureOutput({
        writeOut: effects.print,
        writeErr: (text) => {
          // An error object alone can be parsed: what helps people goes without.
          if (!isJson || text.startsWith("{")) effects.fail(text, 2);
        },
        outputError: (text, write) => write(isJson ? usageError(text) : text),
      });
    for (const add of COMMANDS) add(trimtab, effects);
    for (const command of commandsOf(trimtab)) command.exitOverride().copyInheritedSettings(trimtab);
    try {
      await trimtab.parseAsync(words, { from: "user" });
    } catch (error) {
      // Commander has written what was wrong, or the help that was asked for.
      if (error instanceof CommanderError) {
        if (error.exitCode !== 0) effects.fail("", 2);
        return;
      }
      effects.fail(await errorText(error, isJson), 2);
    }
  };
}

/**
 * What commander says of the words, as the API's error object.
 *
 * @param {string} text
 */
function usageError(text) {
  const message = text.replace(/^error: /, "").trim();
  const error = { message, type: "invalid_request_error", param: null, code: "invalid_request" };
  return `${JSON.stringify({ error }, null, 2)}\n`;
}

/**
 * A command with all below it.
 *
 * @param {Command} command
 * @returns {Command[]}
 */
function commandsOf(command) {
  return [command, ...command.commands.flatMap(commandsOf)];
}

/**
 * Imports what it needs itself, because `--help` has no use for it.
 *
 * @param {unknown} error
 * @param {boolean} asJson
 */
async function errorText(error, asJson) {
  const { messageOf, TrimtabError } = await import("../../shared/errors.ts");
  if (!asJson) return `${messageOf(error).trimEnd()}\n`;
  const { errorResponse } = await import("../../shared/api/errors.ts");
  const known = error instanceof TrimtabError ? error : new TrimtabError("invalid_request", messageOf(error));
  return `${JSON.stringify(errorResponse(known), null, 2)}\n`;
}
