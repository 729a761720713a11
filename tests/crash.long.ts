/** G01, G02, G03 at length: see crash.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { killDevice, killServer } from "./crash/campaign.ts";

test("[G01] [G03] a server killed 60 times with pushes in flight keeps every acknowledged mutation, each once", async () => {
  const { kills, acknowledged, events, inFlight } = await killServer(60, 3);
  console.log(`${kills} kills, ${acknowledged} acknowledged, ${events} events, ${inFlight} in flight at the kills`);
  assert.ok(inFlight >= 1000, `only ${inFlight} mutations were in flight: the kills came at quiet moments`);
});

test("[G02] a device killed 40 times with a full outbox loses nothing that it had saved", async () => {
  const { kills, saved } = await killDevice(40, 4);
  console.log(`${kills} kills, ${saved} notes saved`);
});
