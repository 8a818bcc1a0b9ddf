/** What a steering object asks for, read from its parts. */
import type { Reference } from "./part.ts";
import { partNamed, STEERING_NAMES, type SteeringParts } from "./registry.ts";

/** The parts with processors that change something. The others are left out, and run no rows. */
export function activeParts(steering: SteeringParts): SteeringParts {
  const active = STEERING_NAMES.filter((name) => {
    const asked = steering[name];
    return asked !== undefined && !partNamed(name).isNeutral(asked);
  });
  return Object.fromEntries(active.map((name) => [name, steering[name]]));
}

/** The models that these parts name. */
export function referencesOf(parts: SteeringParts): Reference[] {
  return STEERING_NAMES.flatMap((name) => {
    const asked = parts[name];
    return asked === undefined ? [] : [...(partNamed(name).references?.(asked) ?? [])];
  });
}
