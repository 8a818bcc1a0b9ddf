import { z } from "zod";
import { TrimtabError } from "../../errors.ts";
import { graderKind } from "../kind.ts";

const NO_PYTHON =
  "is not supported by this server as python, since it runs no code of yours; use string_check or text_similarity, ask a model with score_model or label_model, or compute with the calculate_output of a multi";

/** OpenAI's graders that are programs: recognised, and refused. */
export const python = graderKind({
  type: "python",
  schema: z
    .looseObject({ type: z.literal("python") })
    .superRefine((_, context) => {
      context.addIssue({ code: "custom", path: ["type"], message: NO_PYTHON });
    })
    .meta({ id: "PythonGrader", description: "Refused" }),
  check(_, at) {
    throw new TrimtabError("unsupported_parameter", `\`${at}.type\` ${NO_PYTHON}.`, { param: `${at}.type` });
  },
  models: () => [],
  grade(_, { at }) {
    throw new TrimtabError("unsupported_parameter", `\`${at}.type\` ${NO_PYTHON}.`, { param: `${at}.type` });
  },
});
