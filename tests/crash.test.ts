/** G01, G02, G03: real processes, killed with -9. The long suite kills more often. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { killDevice, killServer } from "./crash/campaign.ts";

test("[G01] [G03] a server killed 6 times with pushes in flight keeps every acknowledged mutation, each once", async () => {
  const { kills, acknowledged, events, inFlight } = await killServer(6, 1);
  console.log(`${kills} kills, ${acknowledged} acknowledged, ${events} events, ${inFlight} in flight at the kills`);
  assert.ok(inFlight >= 100, `only ${inFlight} mutations were in flight: the kills came at quiet moments`);
});

test("[G02] a device killed 5 times with a full outbox loses nothing that it had saved", async () => {
  const { kills, saved } = await killDevice(5, 2);
  console.log(`${kills} kills, ${saved} notes saved`);
});

test("the campaign catches a server that answers before the disk has the commit", async () => {
  await assert.rejects(killServer(2, 3, "early"), /is lost|took effect|gapless/);
});
