import type { CreateJob } from "../../shared/api/jobs.ts";
import { defaultMethod, Method, settingsOf, settingsPath } from "../../shared/api/methods.ts";
import { requestError } from "../../shared/api/parse.ts";
import { isTrained, type JobMethod } from "../../shared/api/pipelines.ts";
import { TrimtabError } from "../../shared/errors.ts";

/** Hyperparameters that only a finished job has: they follow from the others and cannot be chosen. */
const REPORTED = "warmup_steps";
/** A finished job reports all of these, whatever the request set. */
const REPORT = [REPORTED, "n_epochs", "batch_size", "learning_rate", "learning_rate_multiplier", "lr_schedule"];

/**
 * The method of a request with every default filled in. `hyperparameters` is OpenAI's old place for some settings.
 * Beside a `method`, it may fill in settings that are `auto` there. A finished job reports its resolved settings in it;
 * sending both fields back unchanged creates the same job again, since the report adds nothing to the method. A pipeline
 * or a sweep is returned as it is.
 *
 * @throws TrimtabError invalid_request with the hyperparameter that the method contradicts or does not have.
 */
export function methodOf({ method, hyperparameters = {} }: Pick<CreateJob, "method" | "hyperparameters">): JobMethod {
  if (method !== undefined && !isTrained(method)) {
    const [name] = Object.keys(hyperparameters);
    if (name === undefined) return method;
    const param = `hyperparameters.${name}`;
    const where = method.type === "pipeline" ? "of a stage" : "of the sweep";
    const message = `\`${param}\` is of one method, and a ${method.type} has several. Set it in the \`method\` ${where}.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  if (!REPORT.every((name) => name in hyperparameters)) return filledIn(method ?? defaultMethod(), hyperparameters);
  const { [REPORTED]: _, ...settings } = hyperparameters;
  return method ?? filledIn(defaultMethod(), settings);
}

function filledIn(method: Method, given: Readonly<Record<string, unknown>>): Method {
  const settings = settingsOf(method);
  const own: Readonly<Record<string, unknown>> = settings.hyperparameters ?? {};
  const chosen = Object.entries(given).filter(([, value]) => value !== "auto");
  for (const [name, value] of chosen) {
    const before = own[name];
    if (before === undefined || before === "auto" || before === value) continue;
    const place = `${settingsPath(method)}.hyperparameters.${name}`;
    throw new TrimtabError(
      "invalid_request",
      `\`hyperparameters.${name}\` is ${JSON.stringify(value)}, but \`${place}\` is ${JSON.stringify(before)}. Send one of them.`,
      { param: `hyperparameters.${name}` },
    );
  }
  if (chosen.length === 0) return method;
  const hyperparameters = { ...own, ...Object.fromEntries(chosen) };
  const whole = { type: method.type, [method.type]: { ...settings, hyperparameters } };
  const parsed = Method.safeParse(whole);
  if (parsed.success) return parsed.data;
  const { code, message, param = "" } = requestError(parsed.error, whole);
  const place = `${method.type}.hyperparameters`;
  const inRequest = (text: string) => text.replaceAll(place, "hyperparameters");
  throw new TrimtabError(code, inRequest(message), { param: inRequest(param), cause: parsed.error });
}
