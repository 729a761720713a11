/** What `npm start` says on the terminal. */
import { relative } from "node:path";
import { styleText } from "node:util";
import { TidelockError } from "@tidelock/core";
import { INBOX_DOOR } from "./inbox-door.ts";

export interface Places {
  readonly url: string;
  readonly path: string;
  readonly secretPath: string;
}

export function say(text: string): void {
  console.log(styleText("dim", text));
}

export function welcome({ url, path, secretPath }: Places): void {
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["Board", styleText(["bold", "cyan"], url)],
    ["Inbox", `${styleText("cyan", `${url}${INBOX_DOOR}`)}${styleText("dim", " reviews, as Mira, who leads")}`],
    ["Health", `${url}/healthz`],
    ["Metrics", `${url}/metrics`],
    ["API", `${url}/openapi.json`],
    ["Data", shortened(path)],
    ["Token", "npx tidelock token --tenant demo --user u1"],
    ["", styleText("dim", `signed with ${shortened(secretPath)}`)],
  ];
  const lines = rows.map(([name, value]) => `  ${styleText("dim", name.padEnd(9))}${value}`);
  const title = `${styleText(["bold", "cyan"], "◐ Tidelock")} ${styleText("dim", "is running. Open the board in two windows.")}`;
  console.log(`\n  ${title}\n\n${lines.join("\n")}\n\n  ${styleText("dim", "Ctrl+C stops it; the data stays.")}\n`);
}

/** What went wrong and what to do next; a stack only for what nobody foresaw. */
export function explainFailure(error: unknown): void {
  if (!(error instanceof TidelockError)) {
    console.error(error);
    return;
  }
  console.error(`\n  ${styleText(["bold", "red"], "Could not start:")} ${error.message}`);
  console.error(`  ${nextStep(error)}\n`);
}

function nextStep(error: TidelockError): string {
  switch (error.code) {
    case "port-in-use":
      return "Stop it, or choose another port, such as: PORT=4480 npm start";
    case "data-in-use":
      return "Stop the other server, or choose another file: TIDELOCK_DATA=./other/demo.db npm start";
    default:
      return error.fix;
  }
}

function shortened(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : `./${short}`;
}
