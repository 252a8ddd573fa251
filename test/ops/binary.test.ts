import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";

await testDevice();

await goldenSuite("ops_binary", { rtol: 3e-6, atol: 1e-7, looser: { pow: { rtol: 2e-5 } } });
