/** The self-test: the project's own tests of numbers, one file after the other on this machine's adapter. */
import testFiles from "portable:tests";
import { init } from "../../src/index.ts";
import { runFile } from "./vitest.ts";

const wanted = process.argv.slice(2);
const device = await init();
console.log(`self-test on ${device.info.description}${device.info.isSoftware ? " (software)" : ""}`);
await device.close();

let passed = 0;
let failed = 0;
for (const [name, load] of Object.entries(testFiles)) {
  if (wanted.length > 0 && !wanted.some((part) => name.startsWith(part))) continue;
  const start = performance.now();
  const result = await runFile(load);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${result.failures.length === 0 ? "ok  " : "FAIL"} ${name}: ${result.passed} passed, ${seconds} s`);
  for (const failure of result.failures) console.log(`     ${failure.replaceAll("\n", "\n     ")}`);
  passed += result.passed;
  failed += result.failures.length;
}
console.log(`self-test: ${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
