let name: string | undefined;

/**
 * Names the isolate that this code runs in: new every time its process starts. Workers and objects that share an isolate live and
 * die together. Made at first use, because Workers may not draw random values while they load.
 */
export function isolateName(): string {
  name ??= crypto.randomUUID();
  return name;
}
