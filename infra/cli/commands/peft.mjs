import { collect, withJson } from "./options.mjs";

/**
 * @param {import("commander").Command} program
 * @param {import("../effects.ts").CliEffects} effects
 */
export function addPeft(program, { print }) {
  const peft = program.command("peft").description("fine-tuning methods");
  withJson(peft.command("compare"))
    .description("compare what each method trains, stores and costs on a base model, without training")
    .option("--model <folder>", "a Hugging Face folder or its config.json (default: the embedded base)")
    .option("--method <json>", 'a method\'s name, or settings such as \'{"type":"lora","r":16}\'; repeatable', collect)
    .action(async ({ model, method, json = false }) => {
      const { peftCompare } = await import("../peft-compare.ts");
      print(peftCompare({ model, method, json }));
    });
}
