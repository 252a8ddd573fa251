import { GradwellError } from "../errors.ts";

/** What an assertion of `gradwell/testing` throws. */
export class AssertionError extends GradwellError {}
