import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { OP_PAGE, opPage } from "../../scripts/op-page.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();

// Half precision is a column of the table.
it.runIf(device.features.f16)("docs/operations.md is what `npm run docs` would write", async () => {
  expect(readFileSync(OP_PAGE, "utf8")).toBe(await opPage());
});
