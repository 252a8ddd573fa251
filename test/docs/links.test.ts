/** Links between the pages of the repository lead somewhere, and the commands that they name exist. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const inDocs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".md"))
  .map((file) => `docs/${file}`);
const pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...inDocs];

/** The heading that a link's fragment names, as GitHub writes it. */
const slugOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, "")
    .trim()
    .replaceAll(" ", "-");

function brokenLinks(page: string): string[] {
  const text = readFileSync(join(root, page), "utf8").replace(/```.*?```/gs, "");
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link as string);
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [path = "", fragment] = link.split("#");
    const target = path ? join(root, dirname(page), path) : join(root, page);
    if (!existsSync(target)) return true;
    const headings = fragment ? [...readFileSync(target, "utf8").matchAll(/^#+ (.*)$/gm)] : [];
    return fragment !== undefined && !headings.some(([, heading]) => slugOf(heading as string) === fragment);
  });
}

it.each(pages)("links in %s lead to files and headings that exist", (page) => {
  expect(brokenLinks(page)).toEqual([]);
});

it.each(pages)("commands in %s are scripts of package.json", (page) => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object };
  const named = [...readFileSync(join(root, page), "utf8").matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name);
  expect(named.filter((name) => !((name as string) in scripts))).toEqual([]);
});

it("files named in CONTRIBUTING.md exist", () => {
  const text = readFileSync(join(root, "CONTRIBUTING.md"), "utf8");
  const paths = [...text.matchAll(/`((?:src|test|docs|shaders)\/[^`*]*)`/g)].map(([, path]) => path as string);
  expect(paths.length).toBeGreaterThan(8);
  // Linked from the shaders when the packages are installed.
  expect(paths.filter((path) => !path.endsWith(".generated.ts") && !existsSync(join(root, path)))).toEqual([]);
});
