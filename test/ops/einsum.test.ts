import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";

await testDevice();

await goldenSuite("ops_linalg", { ops: ["einsum", "matmul", "addmm"], rtol: 2e-6, atol: 1e-6 });
