import { expect, it } from "vitest";
import { weights } from "../../scripts/size.ts";

it("weighs no more than it may", async () => {
  for (const { what, gzipped, limit } of await weights()) expect(gzipped, what).toBeLessThanOrEqual(limit);
});
