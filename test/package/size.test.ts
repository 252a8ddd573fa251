import { expect, it } from "vitest";
import { weights } from "../../scripts/size.ts";

it("the package stays within its size limits", async () => {
  for (const { what, gzipped, limit } of await weights()) {
    console.log(`${gzipped} bytes of ${limit} gzipped: ${what}`);
    expect(gzipped, what).toBeLessThanOrEqual(limit);
  }
});
