/** The packed library by its own name in Node, Deno and Bun. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { expectClose } from "../support/close.ts";
import { type Runtime, runIn } from "../support/runtimes.ts";

const folder = inject("project");
const readme = readFileSync(fileURLToPath(new URL("../../README.md", import.meta.url)), "utf8");

/** Other kernels sum in another order, which the steps carry on. */
const ROUNDING = { rtol: 1e-4, atol: 0 };

/** The README's program, ended after some steps. */
function shortened(): string {
  const [, program = ""] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  const printed = "if (n++ % 100 === 0) console.log(n, await loss.item());";
  expect(program).toContain(printed);
  const short = program.replace(printed, "console.log(n, await loss.item());\n  if (++n === 12) break;");
  return transformSync(short, { loader: "ts", target: "es2022" }).code;
}

async function lossesIn(runtime: Runtime, env: Record<string, string> = {}): Promise<number[]> {
  const { stdout, stderr, failed } = await runIn(runtime, ["readme.js"], { cwd: folder, env });
  if (failed) expect.fail(`${runtime}: ${stdout}\n${stderr}`);
  return stdout
    .trim()
    .split("\n")
    .map((line) => Number(line.split(" ")[1]));
}

describe("the README's program", () => {
  let expected: number[];
  beforeAll(async () => {
    writeFileSync(join(folder, "readme.js"), shortened());
    expected = await lossesIn("node");
    expect(expected).toHaveLength(12);
    expect(expected.at(-1)).toBeLessThan((expected[0] as number) * 0.8);
  });

  it.each(["deno", "bun"] as const)("trains in %s with Node's losses", async (runtime) => {
    expectClose(await lossesIn(runtime), expected, ROUNDING, runtime);
  });

  it.runIf(process.platform === "linux" && process.arch === "x64").each(["deno", "bun"] as const)(
    "trains in %s on the packed software adapter",
    async (runtime) => {
      expectClose(await lossesIn(runtime, { GRADWELL_ADAPTER: "swiftshader" }), expected, ROUNDING, runtime);
    },
  );
});

it("Bun collects nothing that an open device needs, and continues after a device was closed", async () => {
  const program = `import { init, ones } from "gradwell";
    for (let i = 0; i < 3; i++) {
      const device = await init();
      for (let j = 0; j < 3; j++) {
        Bun.gc(true);
        await new Promise((resolve) => setTimeout(resolve, 20));
        if ((await ones([4]).sum().item()) !== 4) throw new Error("wrong sum");
      }
      await device.close();
      Bun.gc(true);
    }
    console.log("done");`;
  writeFileSync(join(folder, "collected.js"), program);
  const { stdout, stderr, failed } = await runIn("bun", ["collected.js"], { cwd: folder });
  expect(failed, stderr).toBe(false);
  expect(stdout).toBe("done\n");
});
