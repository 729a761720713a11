/** Nothing in the repository points at one machine: no absolute folder of its author, no package registry's host. */
import { type Finding, lineAt, type ReadText } from "./files.ts";

// Written in pieces, so that this file passes its own rule.
const MACHINE_FOLDERS = new RegExp(
  `(?<![\\w.~*})\\]/-])/(${["work", "root", "home", "Users"].join("|")})/[\\w.-]`,
  "g",
);
const REGISTRY_HOSTS = new RegExp(
  [
    `\\bregistry\\.[a-z0-9-]+\\.[a-z]{2,}`,
    `\\bnpm\\.pkg\\.github`,
    `\\b(files\\.)?pypi\\.org\\b`,
    `\\bnpm\\.jsr\\.io\\b`,
  ].join("|"),
  "gi",
);

export function checkAddresses(path: string, readText: ReadText): Finding[] {
  const text = readText(path);
  const findings: Finding[] = [];
  const report = (position: number, found: string, what: string): void => {
    findings.push({ path, line: lineAt(text, position), rule: "addresses", text: `${what}: ${found}` });
  };
  if (path !== "package-lock.json") {
    for (const match of text.matchAll(MACHINE_FOLDERS)) report(match.index, match[0], "folder of one machine");
  }
  for (const match of text.matchAll(REGISTRY_HOSTS)) report(match.index, match[0], "package registry");
  const configured = configuredRegistryHost();
  if (configured !== undefined) {
    const position = text.indexOf(configured);
    if (position >= 0) report(position, configured, "package registry of this machine");
  }
  return findings;
}

/** The registry that npm uses here, which a lockfile easily picks up. Loopback names are too common to look for. */
function configuredRegistryHost(): string | undefined {
  const address = process.env["npm_config_registry"];
  if (address === undefined || !URL.canParse(address)) return undefined;
  const { host, hostname } = new URL(address);
  return /^(localhost|127\.|\[::1\])/.test(hostname) && host === hostname ? undefined : host;
}
