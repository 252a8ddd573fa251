/** Exit codes of the commands, and the report of their errors. */
import { GradwellError } from "gradwell";

export const OK = 0;
export const FAILED = 1;
export const BAD_USAGE = 2;

/** Thrown for a command line that cannot be understood; its message is all that the user needs. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** Runs `main`, whose result is the exit code. Errors of usage and of the library end as a line, others as they are. */
export async function runCommand(name: string, main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${name}: ${error.message}`);
      process.exitCode = BAD_USAGE;
    } else if (error instanceof GradwellError) {
      console.error(error.message);
      process.exitCode = FAILED;
    } else {
      throw error;
    }
  }
}
