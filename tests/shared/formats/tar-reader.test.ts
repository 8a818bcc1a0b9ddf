import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { tarEnd, tarEntry } from "../../../shared/formats/tar.ts";
import { readTar } from "../../../shared/formats/tar-reader.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const entry = (name: string, text: string, change: (header: Uint8Array) => void = () => {}) => {
  const bytes = encode(text);
  const { header, padding } = tarEntry(name, bytes.length);
  change(header);
  return join(header, bytes, padding);
};

/** Overwrites a field and updates the checksum. */
const withField = (at: number, value: string) => (header: Uint8Array) => {
  header.set(encode(value), at);
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.set(encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
};

/** Made by GNU tar 1.34 with --format=pax and --format=gnu, packed with gzip: a folder with a long name, and a short file. */
const MADE = {
  pax: "H4sIAAAAAAACA+2ZXU6EMBSFeXYVbKDQH0rhYd59dAemMhVQh5JSA4lxQa7DjclkEmPAccaJVJLe7wXSS9I0N+ec3BLFN3K4VnKrTBcXlSoeW103FvW1rZBERtpKGfSkmxI1cqfQcAF4JE2SAB+YPjHDn7XDOhtXRBAOgQOeOyvNuH3gJ4SlYTs2ebNQ788jvmI4lLbeqQ0ROc/TLGckEjQjNMlYvq8Wx6sBcDEu2r4XteD8qP5n7yxN+ah/7lL/Rmv703en6tPDQf/P938qpv4vKAP/d+L/nK/B/+VWtlaZ20I393UZPXS6gUjwRf8Y07n/kyDE4P+L8/IKGgD9/3P+42/yn0D+u5n/8jXk//sbjIAw/8H856f/k9n9nyBw/+fG/5NkJf7fR3c1DH1+zn9i7v8pzH8u6FVdVrYDIXhK9PX/X1dpYyM72L/d46T+xST/CSUM8t8JkLd+s5Dkf6d/TKb6FziB/HeBBAkAAAB4yQeqP8SDACgAAA==",
  gnu: "H4sIAAAAAAACA+2YQW6EIBiFOYoXAMER3fYA3mFCrRU6LUyQxkmaHqjn6MVKZ9GFtjMrzVTet4GgO3nfyy/LWX7XONs3xh7IMvBIVZbnNTJduajrn/35XIhKcJI1ZAVeh6B8lhHvXLj03rXn/5RWd+3h6IwNdDRBU0W9Crrz9DneCWrVS0dPi5ETkMD3/w51LeWf+Z/td3Ina5JJ5H9x2A34vyiKqf9lrAT4f/P+Vw/qGDq/b519ND17GpyFkjfp/0v5jwaY+1+QjCP/i/P2jgykzE30P/+l/yX6f/v9//mBERDzH+a/1P0///8XKwH+T8H/I7s3GPoSn//quf8rzH9rMHam12FAEBJl0M4HFk5L3u3r+RfT/i95ifyvgUIEAAAAAACS4gvTNI5JACgAAA==",
};
const LONG = `checkpoint-with-a-rather-long-name-${"x".repeat(90)}`;

/** A pax record, whose length counts its own digits. */
function record(key: string, value: string): string {
  const rest = encode(` ${key}=${value}\n`).length;
  const digits = String(rest + String(rest + String(rest).length).length).length;
  return `${rest + digits} ${key}=${value}\n`;
}

describe("long names", () => {
  it.each(["pax", "gnu"] as const)("are read from %s archives of GNU tar", (format) => {
    const files = readTar(new Uint8Array(gunzipSync(Buffer.from(MADE[format], "base64"))));
    const texts = [...files].map(([name, bytes]) => [name, new TextDecoder().decode(bytes)]);
    expect(texts).toEqual([
      [`${LONG}/adapter_config.json`, "{}"],
      [`${LONG}/é/w.bin`, "weights"],
      ["short.txt", "a"],
    ]);
  });

  it("count for the next file alone, and a global header's for all after it", () => {
    const pax = (type: string, text: string) => entry("PaxHeaders/a", text, withField(156, type));
    const next = join(pax("x", record("path", "long/é.bin")), entry("cut", "1"), entry("b", "2"), tarEnd());
    expect([...readTar(next).keys()]).toEqual(["long/é.bin", "b"]);
    const sized = join(pax("g", record("size", "1") + record("comment", "a=b\nc")), entry("c", "3"), tarEnd());
    expect(readTar(sized).get("c")).toEqual(encode("3"));
    const linked = join(entry("././@LongLink", "elsewhere\0", withField(156, "K")), entry("d", "4"), tarEnd());
    expect([...readTar(linked).keys()]).toEqual(["d"]);
  });

  it("may not leave the folder or hide another file's", () => {
    const named = (path: string) => entry("x", record("path", path), withField(156, "x"));
    const archive = (path: string) => join(entry("b", "0"), named(path), entry("a", "1"), tarEnd());
    expect(() => readTar(archive("../a"))).toThrow("which is outside the folder");
    expect(() => readTar(archive("b"))).toThrow('holds "b" twice');
    expect(() => readTar(archive("a\0b"))).toThrow("which is outside the folder");
  });

  it("does not take GNU tar's own fields for the beginning of a name", () => {
    const times = (header: Uint8Array) => {
      header.set(encode("ustar  \0"), 257);
      withField(345, "14000000000")(header);
    };
    expect([...readTar(join(entry("a", "1", times), tarEnd())).keys()]).toEqual(["a"]);
  });

  it("reads sizes in binary, which GNU tar writes for very large files", () => {
    const binary = (header: Uint8Array) => {
      header.fill(0, 124, 136);
      header[124] = 0x80;
      header[135] = 1;
      withField(0, "a")(header);
    };
    expect(readTar(join(entry("a", "1", binary), tarEnd())).get("a")).toEqual(encode("1"));
  });

  it("skips folders in the form that is older than ustar", () => {
    expect([...readTar(join(entry("sub/", "", withField(156, "\0")), entry("a", "1"), tarEnd())).keys()]).toEqual([
      "a",
    ]);
  });
});

describe("readTar", () => {
  it("reads what tarEntry writes, sub-folders included", () => {
    const files = readTar(join(entry("a.json", "{}"), entry("0-lora/b.bin", "x".repeat(700)), tarEnd()));
    expect([...files.keys()]).toEqual(["a.json", "0-lora/b.bin"]);
    expect(new TextDecoder().decode(files.get("0-lora/b.bin"))).toBe("x".repeat(700));
  });

  it("skips folders and pax headers, and removes a leading ./", () => {
    const folder = entry("sub/", "", withField(156, "5"));
    const pax = entry("PaxHeaders/a", "30 mtime=1700000000.123456789\n", withField(156, "x"));
    expect([...readTar(join(folder, pax, entry("./a", "1"), tarEnd())).keys()]).toEqual(["a"]);
  });

  it("joins a ustar name's prefix", () => {
    expect([...readTar(join(entry("b", "1", withField(345, "deep/folder")), tarEnd())).keys()]).toEqual([
      "deep/folder/b",
    ]);
  });

  it.each<[string, Uint8Array, string]>([
    ["a symbolic link", join(entry("a", "", withField(156, "2")), tarEnd()), "which is a link or a device"],
    ["a damaged pax header", join(entry("a", "99 path=b\n", withField(156, "x")), tarEnd()), "an invalid record"],
    ["a pax size in words", join(entry("a", record("size", "ten"), withField(156, "x")), tarEnd()), "an invalid size"],
    [
      "a file with holes",
      join(entry("a", record("GNU.sparse.major", "1"), withField(156, "x")), tarEnd()),
      "pack it without --sparse",
    ],
    ["a file with holes of GNU tar", join(entry("a", "", withField(156, "S")), tarEnd()), "pack it without --sparse"],
    ["a path with ..", join(entry("a", "", withField(0, "../a")), tarEnd()), "which is outside the folder"],
    ["an absolute path", join(entry("a", "", withField(0, "/etc/a")), tarEnd()), "which is outside the folder"],
    ["a name twice", join(entry("a", "1"), entry("./a", "2"), tarEnd()), 'holds "a" twice'],
    ["a truncated file", entry("a", "x".repeat(900)).subarray(0, 1024), 'ends in the middle of "a"'],
    ["no end", entry("a", "1"), "has no end"],
    ["other bytes", new Uint8Array(1024).fill(7), "is damaged or not a tar archive"],
    ["a size that is not a number", join(entry("a", "", withField(124, "zzz")), tarEnd()), "has an invalid number"],
  ])("refuses %s", (_name, archive, message) => {
    expect(() => readTar(archive)).toThrow(message);
    expect(() => readTar(archive)).toThrow(expect.objectContaining({ code: "invalid_file", param: "file" }));
  });
});
