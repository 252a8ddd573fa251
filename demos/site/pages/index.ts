/** The gallery: says at once when this browser cannot run the demos. */
import { frame, hasWebGpu } from "../ui/page.ts";

frame();
await hasWebGpu();
