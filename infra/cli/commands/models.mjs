import { withJson } from "./options.mjs";

/**
 * @param {import("commander").Command} program
 * @param {import("../effects.ts").CliEffects} effects
 */
export function addModels(program, { print, env }) {
  const models = program.command("models").description("base models");
  withJson(models.command("add"))
    .description("add a Hugging Face folder to a running server as a base model, named <id> or as the folder")
    .argument("<folder>", "has config.json, safetensors and tokenizer.json")
    .argument("[id]")
    .option("--url <url>", "the server (default: the one on this machine, by PORT and TRIMTAB_STATE)")
    .option("--token <token>", "its admin token (default: ADMIN_TOKEN, or the one in the state folder)")
    .action(async (folder, id, { url, token, json = false }) => {
      const { addModel, adminAccess } = await import("../add-model.ts");
      print(await addModel(folder, id, adminAccess({ url, token }, env), { json }));
    });
}
