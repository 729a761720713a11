/** Signs of life while something slow goes on: one line that is written over, on a terminal only. */
import { paint } from "./output.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const EVERY_MS = 100;
/** What is done sooner needs no sign. */
const QUIET_MS = 300;

/** Shows `text` and the seconds that have passed until the work is done. */
export async function withProgress<Value>(text: string, work: Promise<Value>): Promise<Value> {
  if (!process.stderr.isTTY) return work;
  const start = performance.now();
  let shown = false;
  let frame = 0;
  const timer = setInterval(() => {
    const passedMs = performance.now() - start;
    if (passedMs < QUIET_MS) return;
    shown = true;
    const sign = paint.error("cyan", FRAMES[frame++ % FRAMES.length] ?? "");
    process.stderr.write(`\r\u001B[2K  ${sign} ${text} ${paint.error("dim", `${Math.floor(passedMs / 1000)} s`)}`);
  }, EVERY_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (shown) process.stderr.write("\r\u001B[2K");
  }
}
