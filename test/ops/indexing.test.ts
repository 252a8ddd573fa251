import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";

await testDevice();

await goldenSuite("ops_movement", { ops: ["indexSelect", "gather", "scatterAdd", "tril", "triu"], rtol: 1e-6, atol: 2e-7 });
