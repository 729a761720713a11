import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { storageContract } from "@tidelock/testkit/conformance";
import { sqliteStorage } from "./sqlite.ts";

describe("the SQLite storage keeps the storage contract", () => {
  const makeDisk = async () => {
    const folder = mkdtempSync(join(tmpdir(), "tidelock-"));
    return {
      storage: () => sqliteStorage({ path: join(folder, "data.db") }),
      remove: async () => rmSync(folder, { recursive: true }),
    };
  };
  for (const { name, run } of storageContract(makeDisk, { histories: 20 })) test(name, run);
});
