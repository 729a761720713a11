/**
 * Makes sure that the machine has what the tests need beyond `npm ci`: a Chromium for the browser tests, and a Node that
 * runs TypeScript. Quick when everything is there; installs Chromium by apt when run as root on Debian or Ubuntu.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const macBrowsers = [
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Path of a Chromium or Chrome on this machine; `CHROMIUM` in the environment wins. */
export function findChromium(): string | undefined {
  const named = process.env["CHROMIUM"];
  if (named !== undefined && named !== "") return existsSync(named) ? named : undefined;
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const candidates = [...folders.flatMap((folder) => names.map((name) => join(folder, name))), ...macBrowsers];
  return candidates.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function run(command: string, args: readonly string[]): boolean {
  console.log(`> ${command} ${args.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"], env }).status === 0;
}

function installChromium(): boolean {
  const canInstall = process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");
  if (!canInstall) return false;
  return run("apt-get", ["update"]) && run("apt-get", ["install", "-y", "--no-install-recommends", "chromium"]);
}

if (import.meta.main) {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 24 || (major === 24 && minor < 15)) {
    console.error(`Node ${process.versions.node} is too old: Tidelock needs Node 24.15 or newer.`);
    console.error("On Linux and Windows `npm ci` brings it; on macOS install Node 24 yourself.");
    process.exit(1);
  }
  if (findChromium() === undefined && (!installChromium() || findChromium() === undefined)) {
    console.error("The browser tests need Chromium, and none was found.");
    console.error(
      "Debian, Ubuntu: sudo apt-get install chromium. Elsewhere: install Chrome or set CHROMIUM to its path.",
    );
    process.exit(1);
  }
}
