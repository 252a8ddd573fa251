import { expect, it } from "vitest";
import { weights } from "../../scripts/size.ts";

it("weighs no more than it may", async () => {
  for (const { what, gzipped, limit } of await weights()) {
    console.log(`${gzipped} bytes of ${limit} gzipped: ${what}`);
    expect(gzipped, what).toBeLessThanOrEqual(limit);
  }
});
