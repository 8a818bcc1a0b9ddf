import { allOf, type PiiKind } from "./kind.ts";

/** Addresses that are nobody's: loopback, unspecified, masks, and those that RFC 5737 and RFC 3849 set aside for documents. */
const NOBODYS = /^(?:127\.|0\.|255\.|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|2001:0?db8:)|^(?:::1?|(?:0:){7}[01])$/i;

export const ipAddress: PiiKind = {
  about: "IP addresses",
  needs: "digits",
  pattern: /(?<![\w.:-])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w:]|\.\d)/g,
  accepts(found, { before }) {
    if (NOBODYS.test(found)) return 0;
    if (found.includes(":")) return allOf(found, isVersion6(found));
    // Versions of programs have the same shape.
    if (/(?:\bversion|\bv)\s*$/i.test(before)) return 0;
    return allOf(
      found,
      found.split(".").every((part) => Number(part) <= 255 && !/^0\d/.test(part)),
    );
  },
};

function isVersion6(text: string): boolean {
  const groups = text.split(":");
  const gap = text.indexOf("::");
  if (gap >= 0 && text.indexOf("::", gap + 1) >= 0) return false;
  if (gap < 0 && groups.length !== 8) return false;
  if (gap < 0 && groups.some((group) => group === "")) return false;
  // Times and ratios have colons too, but neither letters nor four digits.
  return groups.filter((group) => group.length >= 3).length >= 2;
}
