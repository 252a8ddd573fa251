import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";
import { products } from "../support/tolerance.ts";

await testDevice();

await goldenSuite("ops_linalg", { ops: ["einsum", "matmul", "addmm"], ...products });
