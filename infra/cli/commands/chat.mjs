import { decimal, wholeNumber, withTenant } from "./options.mjs";

/**
 * @param {import("commander").Command} program
 * @param {import("../effects.ts").CliEffects} effects
 */
export function addChat(program, effects) {
  withTenant(program.command("chat"))
    .description("chat with a model; with a message it answers once, without one it reads your messages line by line")
    .argument("[message]")
    .option("--model <model>", "(default: trimtab-base)", "trimtab-base")
    .option("--system <text>", "a system message")
    .option("--temperature <number>", "0 takes the likeliest token each time", decimal)
    .option("--max-tokens <n>", "the longest reply", wholeNumber(1))
    .option("--seed <n>", "makes sampling repeatable", wholeNumber(0))
    .action(async (message, options) => {
      const [{ tenantClient }, { chat }] = await Promise.all([
        import("../tenant-access.ts"),
        import("../chat/chat.ts"),
      ]);
      await chat(tenantClient(options, effects.env), { message, json: false, ...options }, effects);
    });
}
