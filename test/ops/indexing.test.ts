import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";
import { moves } from "../support/tolerance.ts";

await testDevice();

await goldenSuite("ops_movement", { ops: ["indexSelect", "gather", "scatterAdd", "tril", "triu"], ...moves });
