/** Adds `service-worker.js` to the build, with the list of everything that the page needs to open without a server. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

/** @param files besides what is bundled: those of `public/` */
export function offlineShell(files: readonly string[]): Plugin {
  return {
    name: "tidelock-offline-shell",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const hash = createHash("sha256");
        for (const [name, output] of Object.entries(bundle)) {
          hash.update(name).update(output.type === "chunk" ? output.code : output.source);
        }
        const bundled = Object.keys(bundle).filter((name) => name !== "index.html" && !name.endsWith(".map"));
        const shell = {
          version: hash.digest("hex").slice(0, 12),
          files: ["/", ...files, ...bundled.map((name) => `/${name}`)],
        };
        const source = readFileSync(new URL("service-worker.js", import.meta.url), "utf8");
        this.emitFile({
          type: "asset",
          fileName: "service-worker.js",
          source: `const SHELL = ${JSON.stringify(shell)};\n${source}`,
        });
      },
    },
  };
}
