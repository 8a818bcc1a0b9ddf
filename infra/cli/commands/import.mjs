import { collect, withTenant } from "./options.mjs";

/**
 * @param {import("commander").Command} program
 * @param {import("../effects.ts").CliEffects} effects
 */
export function addImport(program, effects) {
  const imports = program.command("import").description("bring work here from elsewhere");
  withTenant(imports.command("openai-job"))
    .description("run a fine-tuning job of OpenAI's here: its JSON as the API returned it, and its files")
    .argument("<file>", "the job's JSON")
    .option("--model <model>", "the base model to train instead of OpenAI's", "trimtab-base")
    .option(
      "--file <id=path>",
      "where one of its files is (default: <id> or <id>.jsonl beside the job); repeatable",
      collect,
    )
    .option("--judge <model>", "what graders ask here instead of OpenAI's models")
    .option("--dry-run", "show the request, and upload and start nothing")
    .option("--watch", "show the job's progress until it ends")
    .action(async (file, options) => {
      const [{ tenantClient }, { importJob }] = await Promise.all([
        import("../tenant-access.ts"),
        import("../import/openai-job.ts"),
      ]);
      const client = () => tenantClient(options, effects.env);
      const { text, succeeded } = await importJob(
        client,
        file,
        { json: false, files: options.file, ...options },
        effects,
      );
      effects.print(text);
      if (!succeeded) effects.fail("", 1);
    });
}
