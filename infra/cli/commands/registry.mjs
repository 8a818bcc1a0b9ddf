/**
 * Every group of commands, in the order of `trimtab --help`. A new one is a file and a row here.
 *
 * These files are plain JavaScript, because Node takes 60 ms to start reading TypeScript, which is most of the time that `--help` may
 * take. They only describe commands; an action imports what it runs.
 */
import { addChat } from "./chat.mjs";
import { addData } from "./data.mjs";
import { addEdit } from "./edit.mjs";
import { addEval } from "./eval.mjs";
import { addImport } from "./import.mjs";
import { addJobs } from "./jobs.mjs";
import { addModels } from "./models.mjs";
import { addPeft } from "./peft.mjs";

/** @type {readonly ((program: import("commander").Command, effects: import("../effects.ts").CliEffects) => void)[]} */
export const COMMANDS = [addChat, addJobs, addData, addEval, addModels, addPeft, addEdit, addImport];
