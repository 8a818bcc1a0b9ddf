import { tarEnd, tarEntry } from "../../../shared/formats/tar.ts";

/** The form that uploads a folder as a delta. */
export function adapterForm(
  files: ReadonlyMap<string, Uint8Array>,
  fields: Readonly<Record<string, string>>,
): FormData {
  const parts = [...files].flatMap(([name, bytes]) => {
    const { header, padding } = tarEntry(name, bytes.length);
    return [header, bytes, padding];
  });
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", new File([...parts, tarEnd()] as Uint8Array<ArrayBuffer>[], "adapter.tar"));
  return form;
}
