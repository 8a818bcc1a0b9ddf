import { isRecord } from "../columns.ts";
import { assistantTurn, chatExample, instructionWith, userTurn } from "../example.ts";
import type { LineFormat } from "./format.ts";

const MAX_INSTANCES = 1000;

/** Self-Instruct's tasks: `{"instruction", "instances": [{"input", "output"}, …]}`; each instance is an example. */
export const selfInstruct: LineFormat = {
  id: "self_instruct",
  name: "Self-Instruct",
  keys: ["instruction", "instances"],
  read(columns) {
    const instruction = columns.text("instruction");
    const instances = columns.json("instances");
    if (!Array.isArray(instances) || instances.length === 0 || instances.length > MAX_INSTANCES) {
      throw columns.error("instances", `must be a list of 1 to ${MAX_INSTANCES} inputs and outputs`);
    }
    return instances.map((instance, at) => {
      const text = (name: string, isOptional: boolean): string => {
        const value = isRecord(instance) ? instance[name] : undefined;
        if (typeof value === "string") return value;
        if (isOptional && value == null && isRecord(instance)) return "";
        throw columns.error(`instances[${at}].${name}`, "must be a text");
      };
      const asked = instructionWith(instruction, text("input", true));
      return chatExample([userTurn(asked), assistantTurn(text("output", false))]);
    });
  },
};
