/** Source files without a test of their own, each with the reason. A file with logic does not belong here. */
export const TWIN_EXEMPTIONS: Readonly<Record<string, string>> = {
  "infra/checks/twin-exemptions.ts": "this table",
};
