/**
 * Adds a Hugging Face folder as a base model to the running stack.
 *
 *     npm run add-model -- FOLDER [ID]
 *
 * ID defaults to the folder's name. PORT and TRIMTAB_STATE select the stack, as for `npm run serve`.
 */
import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import { messageOf } from "../../shared/errors.ts";
import { ApiClient } from "./api-client.ts";
import { addBase } from "./demo-account.ts";
import { HOST } from "./free-port.ts";
import { DEFAULT_STATE, StateFolder } from "./state-folder.ts";

const [folder, id] = process.argv.slice(2);

if (folder === undefined || !existsSync(folder)) {
  console.error(
    "usage: npm run add-model -- FOLDER [ID], where FOLDER is a Hugging Face folder with config.json, safetensors and tokenizer.json",
  );
  process.exit(2);
}
try {
  const { admin_token: token } = new StateFolder(process.env.TRIMTAB_STATE || DEFAULT_STATE).secrets();
  const admin = new ApiClient({ url: `http://${HOST}:${process.env.PORT || "8787"}`, token, retryForSeconds: 5 });
  const base = await addBase(admin, id ?? basename(resolve(folder)), folder);
  console.log(`${base.id} is ready: use it as \`model\` in chats, completions and fine-tuning jobs.`);
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
