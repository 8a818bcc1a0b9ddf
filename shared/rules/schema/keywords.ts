/** Which keywords of JSON Schema rules know, and why others are refused. */

/** Keywords that hold a text to something. All of them are followed. */
export const SUPPORTED: ReadonlySet<string> = new Set([
  ..."type enum const $ref anyOf oneOf allOf not if then else".split(" "),
  ..."properties required additionalProperties patternProperties propertyNames minProperties maxProperties".split(" "),
  ..."dependentRequired dependentSchemas dependencies".split(" "),
  ..."items prefixItems additionalItems minItems maxItems uniqueItems".split(" "),
  ..."minLength maxLength pattern format".split(" "),
  ..."minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split(" "),
]);

/** Keywords that only describe. `id` and `$id` are names for others to refer to, which need no meaning here. */
export const ANNOTATIONS: ReadonlySet<string> = new Set([
  ..."title description default examples example deprecated readOnly writeOnly".split(" "),
  ..."$schema $id id $comment $defs definitions $anchor $vocabulary".split(" "),
  ..."contentMediaType contentEncoding contentSchema".split(" "),
  ..."markdownDescription enumDescriptions markdownEnumDescriptions defaultSnippets".split(" "),
]);

/** Keywords of JSON Schema and OpenAPI that have no exact automaton here, with what to do instead. */
export const REFUSED: ReadonlyMap<string, string> = new Map([
  ["contains", "list the entries in prefixItems instead"],
  ["minContains", "list the entries in prefixItems instead"],
  ["maxContains", "list the entries in prefixItems instead"],
  ["unevaluatedProperties", "use additionalProperties instead"],
  ["unevaluatedItems", "use items instead"],
  ["$dynamicRef", "use $ref instead"],
  ["$dynamicAnchor", "use $defs instead"],
  ["$recursiveRef", "use $ref instead"],
  ["$recursiveAnchor", "use $defs instead"],
  ["nullable", 'use "type": [..., "null"] instead'],
  ["discriminator", "use anyOf with a const in each branch instead"],
]);
