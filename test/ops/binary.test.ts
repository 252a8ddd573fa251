import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";
import { elementwise, powers } from "../support/tolerance.ts";

await testDevice();

await goldenSuite("ops_binary", { ...elementwise, looser: { pow: powers } });
