import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";

await testDevice();

await goldenSuite("ops_conv", { rtol: 3e-6, atol: 3e-6 });
