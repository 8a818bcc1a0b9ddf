import { collect, withTenant } from "./options.mjs";

/**
 * Facts as flags, and what they are edited into.
 *
 * @param {import("commander").Command} command
 */
function withFacts(command) {
  return withTenant(command)
    .option("--model <model>", "a base, or a model to edit further (default: trimtab-base)")
    .option("--delta <id[=weight]>", "a delta that the model stands on; repeatable", collect)
    .option("--prompt <text>", "one fact: how the statement begins")
    .option("--subject <text>", "what it is about, as it stands in the prompt")
    .option("--target <text>", "how the statement is to end")
    .option("--true <text>", "how it ends so far")
    .option("--options <json>", "the options of POST /v1/edits, such as '{\"layers\": 3}'")
    .option("--no-wait", "do not wait for the end");
}

/**
 * @param {import("commander").Command} program
 * @param {import("../effects.ts").CliEffects} effects
 */
export function addEdit(program, effects) {
  const edit = program.command("edit").description("edits of facts, each a delta that can be undone");
  /**
   * @param {import("../edit/edit.ts").EditAction} action
   * @param {readonly string[]} words
   * @param {{ wait?: boolean } & Partial<import("../edit/edit.ts").EditCommandOptions>} options
   */
  const run = async (action, words, options) => {
    const { editCommand } = await import("../edit/edit.ts");
    effects.print(await editCommand(action, words, { json: false, wait: true, ...options }, effects));
  };
  withFacts(edit.command("create"))
    .description("edit facts into a model")
    .argument("[file]", "one fact a line: {prompt, subject, target_new}")
    .option("--method <method>", "auto, rome, memit or alphaedit (default: auto)")
    .option("--suffix <name>", "a part of the new model's name")
    .action((file, options) => run("create", [file], options));
  withFacts(edit.command("check"))
    .description("find conflicts of facts with each other and with earlier edits, without editing")
    .argument("[file]", "one fact a line: {prompt, subject, target_new}")
    .action((file, options) => run("check", [file], options));
  withTenant(edit.command("list"))
    .description("list edits")
    .option("--model <model>", "only those of this model")
    .action((options) => run("list", [], options));
  withTenant(edit.command("show"))
    .description("show what an edit changed, and its scores")
    .argument("<id>")
    .action((id, options) => run("show", [id], options));
  withTenant(edit.command("delete"))
    .description("undo an edit, or one fact of it")
    .argument("<id>")
    .option("--fact <n>", "undo only this fact, and keep the others")
    .option("--no-wait", "do not wait for the end")
    .action((id, options) => run("delete", [id], options));
  withTenant(edit.command("merge"))
    .description("merge edits into one delta")
    .argument("<ids...>")
    .option("--suffix <name>", "a part of the new model's name")
    .action((ids, options) => run("merge", [...ids], options));
  withTenant(edit.command("tracing"))
    .description("draw where a model recalls facts")
    .argument("[model]", "(default: trimtab-base)")
    .option("--out <file.svg>", "where to write the heat map")
    .action((model, options) => run("tracing", [model], options));
}
