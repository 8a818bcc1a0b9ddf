import { wholeNumber, withTenant } from "./options.mjs";

/**
 * @param {import("commander").Command} program
 * @param {import("../effects.ts").CliEffects} effects
 */
export function addJobs(program, effects) {
  const jobs = program.command("jobs").description("fine-tuning jobs");
  const { print, env } = effects;
  withTenant(jobs.command("list"))
    .description("list jobs, newest first")
    .option("--limit <n>", "how many at most", wholeNumber(1), 20)
    .option("--status <status>", "only those that are, for example, running")
    .action(async (options) => {
      const [{ tenantClient }, { listJobs }] = await Promise.all([
        import("../tenant-access.ts"),
        import("../jobs/list.ts"),
      ]);
      print(await listJobs(tenantClient(options, env), { json: false, ...options }));
    });
  withTenant(jobs.command("watch"))
    .description("show a job's progress until it ends; with --json each event as a line, then the job")
    .argument("<id>")
    .action(async (id, options) => {
      const [{ tenantClient }, { watchJob }] = await Promise.all([
        import("../tenant-access.ts"),
        import("../jobs/watch.ts"),
      ]);
      const { text, succeeded } = await watchJob(tenantClient(options, env), id, options.json ?? false, effects);
      print(text);
      if (!succeeded) effects.fail("", 1);
    });
}
