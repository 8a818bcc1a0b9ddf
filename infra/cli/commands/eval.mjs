import { collect, withTenant } from "./options.mjs";

/**
 * @param {import("commander").Command} program
 * @param {import("../effects.ts").CliEffects} effects
 */
export function addEval(program, effects) {
  const command = program.command("eval").description("evals: run them on a model, and see what came of them");
  const { print, env } = effects;
  withTenant(command.command("run"))
    .description("run an eval on a model and wait for its end")
    .argument(
      "<eval>",
      "an eval's id, which is run as its last run was; a suite's name; or a JSON file with an eval and its data_source",
    )
    .requiredOption("--model <model>", "what writes the samples")
    .option("--delta <id[=weight]>", "a delta on top of the model; repeatable", collect)
    .option("--steering <preset>", "a steering preset, or a steering object as JSON")
    .option("--no-wait", "do not wait for the end")
    .action(async (name, options) => {
      const [{ tenantClient }, { runEval }] = await Promise.all([
        import("../tenant-access.ts"),
        import("../eval/run.ts"),
      ]);
      const { text, succeeded } = await runEval(tenantClient(options, env), name, { json: false, ...options }, effects);
      print(text);
      if (!succeeded) effects.fail("", 1);
    });
  withTenant(command.command("list"))
    .description("list evals and the server's suites")
    .action(async (options) => {
      const [{ tenantClient }, { listEvals }] = await Promise.all([
        import("../tenant-access.ts"),
        import("../eval/show.ts"),
      ]);
      print(await listEvals(tenantClient(options, env), options.json ?? false));
    });
  withTenant(command.command("show"))
    .description("show an eval's runs, or what came of one run's items")
    .argument("<eval>", "an eval's id")
    .argument("[run]", "one of its runs")
    .option("--status <status>", "only items that pass, fail or error")
    .action(async (id, run, options) => {
      const [{ tenantClient }, { showEval }] = await Promise.all([
        import("../tenant-access.ts"),
        import("../eval/show.ts"),
      ]);
      print(await showEval(tenantClient(options, env), { id, run, json: false, ...options }));
    });
}
