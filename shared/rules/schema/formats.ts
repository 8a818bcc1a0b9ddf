/**
 * The formats of JSON Schema that rules can hold a string to, as regular expressions over the whole string. Where the RFC leaves
 * several ways to write a value, the one that is common is taken.
 */
const octet = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const ipv4 = `${octet}(\\.${octet}){3}`;

const leap = "([02468][048]|[13579][26])";
/** Years by which the 29th of February exists: divisible by 4, but not by 100 unless by 400. */
const leapYear = `([0-9]{2}(0[48]|[2468][048]|[13579][26])|${leap}00)`;
const date =
  "([0-9]{4}-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|[0-9]{4}-(0[469]|11)-(0[1-9]|[12][0-9]|30)" +
  `|[0-9]{4}-02-(0[1-9]|1[0-9]|2[0-8])|${leapYear}-02-29)`;
const clock = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?";
const zone = "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])";
const time = `${clock}${zone}`;

/** Of up to 61 and up to 31 characters, without two hyphens in a row, which encoded names of other scripts have. */
const label = "[A-Za-z0-9](-?[A-Za-z0-9]){0,30}";
const shortLabel = "[A-Za-z0-9](-?[A-Za-z0-9]){0,15}";
/** Never longer than 253 characters. */
const hostname = `(${label}(\\.${label}){0,3}|${shortLabel}(\\.${shortLabel}){4,6})`;
const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]";
const email = `(${atom}{1,64}|${atom}{1,20}(\\.${atom}{1,20}){1,2})@${shortLabel}(\\.${shortLabel}){1,6}`;

const group = "[0-9A-Fa-f]{1,4}";
/** Groups around ::, which stands for at least one more: `most` of them in all. */
const shortened = (most: number, last: string) =>
  Array.from({ length: most + 1 }, (_, before) => {
    const start = before === 0 ? "" : `${group}(:${group}){${before - 1}}`;
    const rest = before === most ? "" : `(${group}:){0,${most - before}}`;
    return last === ""
      ? `${start}::${before === most ? "" : `(${rest.replace(/\d+}$/, `${most - before - 1}}`)}${group})?`}`
      : `${start}::${rest}${last}`;
  });
const ipv6 = [`(${group}:){7}${group}`, ...shortened(7, ""), `(${group}:){6}${ipv4}`, ...shortened(5, ipv4)].join("|");

const days = "[0-9]{1,9}D";
const months = `[0-9]{1,9}M(${days})?`;
const dates = `([0-9]{1,9}Y(${months})?|${months}|${days})`;
const seconds = "[0-9]{1,9}S";
const minutes = `[0-9]{1,9}M(${seconds})?`;
const times = `T([0-9]{1,9}H(${minutes})?|${minutes}|${seconds})`;
const duration = `P(${dates}(${times})?|${times}|[0-9]{1,9}W)`;

const hex = "[0-9A-Fa-f]";
const character = `([A-Za-z0-9._~!$&'()*+,;=:@-]|%${hex}{2})`;
const path = `(/${character}*)*`;
const tail = `(\\?(${character}|[/?])*)?(#(${character}|[/?])*)?`;
const authority = `//(([A-Za-z0-9._~!$&'()*+,;=:-]|%${hex}{2})*@)?([A-Za-z0-9._~!$&'()*+,;=-]|%${hex}{2})*(:[0-9]*)?`;
const uri = `[A-Za-z][A-Za-z0-9+.-]*:(${authority}${path}|/(${character}+${path})?|${character}+${path}|)${tail}`;
/** Without a scheme: the first part of a relative path has no colon. */
const plain = `([A-Za-z0-9._~!$&'()*+,;=@-]|%${hex}{2})+`;
const relative = `(${authority}${path}|/(${character}+${path})?|${plain}${path}|)${tail}`;

export const FORMATS: ReadonlyMap<string, string> = new Map([
  ["date", date],
  ["time", time],
  ["date-time", `${date}T${time}`],
  ["duration", duration],
  ["email", email],
  ["hostname", hostname],
  ["ipv4", ipv4],
  ["ipv6", `(${ipv6})`],
  ["uuid", `${hex}{8}-${hex}{4}-${hex}{4}-${hex}{4}-${hex}{12}`],
  ["uri", uri],
  ["uri-reference", `(${uri}|${relative})`],
  ["json-pointer", "(/([^~/]|~[01])*)*"],
]);
