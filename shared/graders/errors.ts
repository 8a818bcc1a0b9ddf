/** What went wrong while grading, in OpenAI's words and order: `metadata.errors` of a grader's run. */
export interface GraderErrors {
  readonly formula_parse_error: boolean;
  readonly sample_parse_error: boolean;
  readonly truncated_observation_error: boolean;
  readonly unresponsive_reward_error: boolean;
  readonly invalid_variable_error: boolean;
  readonly other_error: boolean;
  readonly python_grader_server_error: boolean;
  readonly python_grader_server_error_type: string | null;
  readonly python_grader_runtime_error: boolean;
  readonly python_grader_runtime_error_details: string | null;
  readonly model_grader_server_error: boolean;
  readonly model_grader_refusal_error: boolean;
  readonly model_grader_parse_error: boolean;
  readonly model_grader_server_error_details: string | null;
}

export const NO_ERRORS: GraderErrors = {
  formula_parse_error: false,
  sample_parse_error: false,
  truncated_observation_error: false,
  unresponsive_reward_error: false,
  invalid_variable_error: false,
  other_error: false,
  python_grader_server_error: false,
  python_grader_server_error_type: null,
  python_grader_runtime_error: false,
  python_grader_runtime_error_details: null,
  model_grader_server_error: false,
  model_grader_refusal_error: false,
  model_grader_parse_error: false,
  model_grader_server_error_details: null,
};

/** The fields that something sets. Whatever sets any makes the reward 0. */
export type Flaw = Partial<GraderErrors>;

/** Several flaws as one; undefined for none. */
export function joinFlaws(flaws: readonly (Flaw | undefined)[]): Flaw | undefined {
  const given = flaws.filter((flaw) => flaw !== undefined);
  return given.length === 0 ? undefined : Object.assign({}, ...given);
}
