import { InvalidArgumentError } from "commander";
import { collect, decimal, wholeNumber, withJson, withTenant } from "./options.mjs";

/**
 * What lines are compared with.
 *
 * @param {import("commander").Command} command
 */
function withComparison(command) {
  return withTenant(command)
    .option("--validation <file>", "a validation file, which should share nothing with the data")
    .option("--evaluation <file>", "a test set, of any shape; repeatable", collect)
    .option("--similarity <number>", "from which two lines are near copies, 0.5 to 1", similarity, 0.7)
    .option("--max-length <n>", "the job's max_length (default: the model's context)", wholeNumber(1));
}

/**
 * A command that reads datasets of this machine.
 *
 * @param {import("commander").Command} command
 */
function withFormat(command) {
  return command.option("--format <name>", "what the lines are, such as flan (default: each line shows it)");
}

/** @param {string} text */
function similarity(text) {
  const value = decimal(text);
  if (value >= 0.5 && value <= 1) return value;
  throw new InvalidArgumentError("It must be from 0.5 to 1.");
}

/**
 * `3` is how many of the first lines, `4,17` are the numbers of lines.
 *
 * @param {string} text
 */
function chosenLines(text) {
  const numbers = text.split(",").map(wholeNumber(1));
  return text.includes(",") ? numbers : numbers[0];
}

/**
 * @param {import("commander").Command} program
 * @param {import("../effects.ts").CliEffects} effects
 */
export function addData(program, effects) {
  const data = program
    .command("data")
    .description("datasets: looked at, shown as models read them, cleaned, augmented");
  const { print } = effects;
  withFormat(withComparison(data.command("inspect")))
    .description("look at datasets: copies, contamination, lengths, roles, languages, diversity, personal data")
    .argument("<files...>", "files on this machine, or ids of uploaded ones; several are looked at together")
    .option("--model <model>", "whose tokenizer counts: a folder, or of uploaded files a model of the server")
    .option("--examples <n>", "findings of each kind in --json", wholeNumber(0), 20)
    .action(async (files, options) => {
      const { inspectData } = await import("../data/inspect.ts");
      print(await inspectData(files, options, effects));
    });
  withFormat(withTenant(data.command("preview")))
    .description("show lines as a model is trained on them, with the text that it learns to write marked")
    .argument("<file>", "a file on this machine, or the id of an uploaded one")
    .option("--model <model>", "a folder, or of an uploaded file a model of the server (default: the embedded base)")
    .option("--lines <n|n,n,…>", "how many of the first lines, or which", chosenLines, 3)
    .option("--max-length <n>", "the job's max_length (default: the model's context)", wholeNumber(1))
    .option("--color", "colour trained text (default: on a terminal)")
    .option("--no-color", "put trained text between ⟦ and ⟧")
    .action(async (file, options) => {
      const { previewData } = await import("../data/preview.ts");
      print(await previewData(file, options, effects));
    });
  withFormat(withComparison(data.command("fix")))
    .description("drop lines by rules, and write what stays as JSON Lines")
    .argument("<file>", "a file on this machine, or the id of an uploaded one")
    .option("--drop <rules>", "such as exact-duplicates,near-duplicates,contaminated,empty,pii,refusals,too-long")
    .option("--only <rules>", "drop lines that none of these rules finds")
    .option("--keep <which>", "of copies keep the first, last, longest or none", "first")
    .option("--model <model>", "what reads lines for too-long and untrainable (default: the embedded base)")
    .option("--out <file>", "where to write (default: beside the file, with -fixed in its name)")
    .option("--report <file>", "write what was dropped, by line, rule and reason")
    .option("--dry-run", "write nothing")
    .option("--force", "replace a file that exists")
    .action(async (file, options) => {
      const { fixData } = await import("../data/fix.ts");
      print(await fixData(file, options, effects));
    });
  withFormat(withJson(data.command("augment")))
    .description("make further lines of those that a file has, by rules; the same seed makes the same")
    .argument("<file>")
    .requiredOption("--rules <rules>", "paraphrase, role-prompts, field-shuffle, field-drop, or negatives alone")
    .option("--copies <n>", "of each line by each rule, at most", wholeNumber(1), 1)
    .option("--seed <n>", "what is drawn", wholeNumber(0), 0)
    .option("--no-originals", "leave out the lines as they were given")
    .option("--out <file>", "where to write (default: beside the file, with -augmented in its name)")
    .option("--force", "replace a file that exists")
    .action(async (file, options) => {
      const { augmentData } = await import("../data/augment.ts");
      print(await augmentData(file, options));
    });
}
