import type { Method } from "../../shared/api/methods.ts";
import type { Recipe } from "./recipe.ts";
import { supervised } from "./supervised.ts";

/** Every method that a job can name; a new one is a file beside this one and a row here. */
export const RECIPES: { readonly [T in Method["type"]]: Recipe } = { supervised };
