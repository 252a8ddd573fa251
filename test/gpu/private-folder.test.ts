/** Files that are loaded into the process, or decide what it computes, come from folders that only this user can write. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { unpackOnce } from "../../src/gpu/adapter/archive-cache.node.ts";
import { freshFolder, isPrivate, privateCaches } from "../../src/gpu/adapter/private-folder.node.ts";
import { load, save } from "../../src/gpu/persistent-cache.node.ts";
import { Tuning } from "../../src/gpu/tuning.ts";
import { init, matmul, ones } from "../../src/index.ts";

let scratch: string;
let cache: string;
let shared: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "gradwell-private-"));
  [cache, shared] = [join(scratch, "cache"), join(scratch, "shared")];
  // As /tmp is: everybody may write there, nobody may move what is another's.
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  vi.stubEnv("XDG_CACHE_HOME", cache);
  vi.stubEnv("TMPDIR", shared);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(scratch, { recursive: true, force: true });
});

const mode = (path: string) => lstatSync(path).mode & 0o7777;
const own = () => join(shared, `gradwell-${process.getuid?.()}`);
/** With something in it that somebody else may have put there. */
function openFolder(folder: string, permissions: number): void {
  mkdirSync(folder);
  writeFileSync(join(folder, "library"), "planted");
  chmodSync(folder, permissions);
}
const isUnix = process.getuid !== undefined;

describe.runIf(isUnix)("a cache folder", () => {
  it("is created for the user alone, under any umask, and reused", () => {
    const before = process.umask(0);
    try {
      expect(privateCaches()).toEqual([join(cache, "gradwell"), own()]);
    } finally {
      process.umask(before);
    }
    for (const folder of privateCaches()) expect(mode(folder)).toBe(0o700);
  });

  it.each<[string, () => void]>([
    ["a link", () => symlinkSync(mkdtempSync(join(scratch, "elsewhere-")), own())],
    ["a dangling link", () => symlinkSync(join(scratch, "nowhere"), own())],
    ["a file", () => writeFileSync(own(), "")],
    ["a folder that others may write", () => openFolder(own(), 0o777)],
    ["a folder that a group may write", () => openFolder(own(), 0o770)],
    ["a folder in one that everybody may change", () => chmodSync(shared, 0o777)],
    ["a folder below one that everybody may change", () => chmodSync(scratch, 0o777)],
    ["a folder that cannot be made", () => vi.stubEnv("TMPDIR", join(scratch, "file-not-folder"))],
  ])("is refused where it is %s", (what, plant) => {
    writeFileSync(join(scratch, "file-not-folder"), "");
    plant();
    expect(privateCaches()).not.toContain(own());
    if (!what.includes("below")) expect(privateCaches()).toEqual([join(cache, "gradwell")]);
  });

  it("is refused where another user owns it", () => {
    mkdirSync(own());
    const { getuid } = process;
    const spy = vi.spyOn(process as { getuid(): number }, "getuid").mockReturnValue((getuid?.() ?? 0) + 1);
    expect(isPrivate(own(), "folder")).toBe(false);
    spy.mockRestore();
    expect(isPrivate(own(), "folder")).toBe(true);
  });

  it("may be behind a link that the user owns", () => {
    mkdirSync(join(scratch, "disk"));
    symlinkSync(join(scratch, "disk"), cache);
    expect(privateCaches()).toContain(join(cache, "gradwell"));
  });
});

describe.runIf(isUnix)("an unpacked archive", () => {
  const fill = (draft: string) => writeFileSync(join(draft, "library"), "mine");

  it("is reused from a private folder, unpacked once", () => {
    const first = unpackOnce("thing-1", fill);
    expect(first).toBe(join(cache, "gradwell", "thing-1"));
    expect(unpackOnce("thing-1", () => expect.fail("filled again"))).toBe(first);
    expect(mode(first)).toBe(0o700);
  });

  it.each<[string, (folder: string) => void]>([
    ["a link", (folder) => symlinkSync(mkdtempSync(join(scratch, "elsewhere-")), folder)],
    ["open to others", (folder) => openFolder(folder, 0o777)],
  ])("is not reused where its folder is %s", (_, plant) => {
    for (const root of privateCaches()) plant(join(root, "thing-2"));
    const folder = unpackOnce("thing-2", fill);
    expect(dirname(folder)).toBe(freshFolder());
    expect(readFileSync(join(folder, "library"), "utf8")).toBe("mine");
  });

  it("goes to a fresh private folder where no cache can be trusted", () => {
    vi.stubEnv("XDG_CACHE_HOME", join(scratch, "cache-of-all"));
    mkdirSync(join(scratch, "cache-of-all", "gradwell"), { recursive: true });
    chmodSync(join(scratch, "cache-of-all", "gradwell"), 0o777);
    openFolder(own(), 0o777);
    const folder = unpackOnce("thing-3", fill);
    expect(mode(dirname(folder))).toBe(0o700);
    expect(readdirSync(own())).toEqual(["library"]);
  });
});

/** Choices that are none, and files that hold no choices. */
const CONTENTS = [
  '{"matmul 2x3x4 nn":{"variant":"constructor"}}',
  '{"matmul 2x3x4 nn":{"variant":"__proto__"}}',
  '{"matmul 2x3x4 nn":{"variant":"toString","splits":1}}',
  '{"matmul 2x3x4 nn":{"variant":5}}',
  '{"matmul 2x3x4 nn":{"variant":["register"]}}',
  '{"matmul 2x3x4 nn":null}',
  '{"matmul 2x3x4 nn":"register"}',
  '{"matmul 2x3x4 nn":{"variant":"register","splits":-1}}',
  '{"matmul 2x3x4 nn":{"variant":"register","splits":0.5}}',
  '{"matmul 2x3x4 nn":{"variant":"register","splits":1e9}}',
  '{"matmul 2x3x4 nn":{"variant":"register","splits":"2"}}',
  '{"__proto__":{"variant":"register"}}',
  '["register"]',
  "5",
  "null",
  '"text"',
  "{",
  "",
];

describe("a file of tuned choices", () => {
  const NAME = "an adapter";
  const fileOf = () => {
    const folder = join(cache, "gradwell", "tuning");
    return join(folder, readdirSync(folder)[0] as string);
  };

  it("is read back", async () => {
    await save(NAME, "text");
    expect(await load(NAME)).toBe("text");
    if (isUnix) expect(mode(fileOf())).toBe(0o600);
  });

  it.runIf(isUnix).each<[string, (file: string) => void]>([
    ["file is open to others", (file) => chmodSync(file, 0o666)],
    [
      "file is a link",
      (file) => {
        writeFileSync(join(scratch, "planted"), "planted", { mode: 0o600 });
        rmSync(file);
        symlinkSync(join(scratch, "planted"), file);
      },
    ],
    ["folder is open to others", (file) => chmodSync(dirname(file), 0o777)],
    ["cache is open to others", (file) => chmodSync(dirname(dirname(file)), 0o777)],
  ])("counts as nothing where its %s", async (_, open) => {
    await save(NAME, "text");
    open(fileOf());
    expect(await load(NAME)).toBeUndefined();
  });

  it("breaks no matmul, whatever it holds", async () => {
    const device = await init({ tuning: false });
    const { vendor, architecture, description } = device.info;
    await new Tuning(`${vendor} ${architecture} ${description}`).save();
    for (const text of CONTENTS) {
      writeFileSync(fileOf(), text);
      await init({ tuning: "table" });
      const y = await matmul(ones([2, 3]), ones([3, 4])).tolist();
      expect(y, text).toEqual([
        [3, 3, 3, 3],
        [3, 3, 3, 3],
      ]);
    }
    await device.close();
  });
});
