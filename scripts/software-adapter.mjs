// Fills packages/software-adapter with the binaries that @sparticuz/chromium carries; npm runs it before packing.
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";

const WANTED = ["libvk_swiftshader.so", "libvulkan.so.1", "vk_swiftshader_icd.json"];

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, "packages/software-adapter");
const archive = join(root, "node_modules/@sparticuz/chromium/bin/swiftshader.tar.br");

const files = new Map(tarFiles(brotliDecompressSync(readFileSync(archive))));
const draft = mkdtempSync(join(folder, ".draft-"));
for (const name of WANTED) {
  const bytes = files.get(name);
  if (!bytes) throw new Error(`${archive} holds no ${name}, only ${[...files.keys()].join(", ")}`);
  writeFileSync(join(draft, name), bytes, { mode: 0o644 });
  renameSync(join(draft, name), join(folder, name));
}
rmSync(draft, { recursive: true });

/** Names and bytes of a ustar archive's plain files. */
function* tarFiles(tar) {
  const text = (from, length) => tar.toString("latin1", from, from + length).replace(/\0.*$/s, "");
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    yield [text(at, 100), tar.subarray(at + 512, at + 512 + size)];
    at += 512 + Math.ceil(size / 512) * 512;
  }
}
