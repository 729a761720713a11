/** What every device of a tenant is told when its session opens, whoever it is. */
import {
  type Hello,
  MAX_FRAME_BYTES,
  MAX_PUSH_MUTATIONS,
  type Offset,
  PROTOCOL_VERSION,
  type Welcome,
} from "@tidelock/core";
import type { HubContext, HubOptions } from "./ports.ts";

/** The part of a welcome that is about one session. */
type OwnPart = "session" | "user" | "expires" | "decided" | "whole" | "results";

export function welcomeTo(
  hello: Hello,
  { upgrade, schema }: Pick<HubOptions, "upgrade" | "schema">,
  context: HubContext,
  head: Offset,
): Omit<Welcome, OwnPart> {
  const isOlder = upgrade !== undefined && hello.schema.version < schema.version;
  return {
    type: "welcome",
    protocol: PROTOCOL_VERSION,
    epoch: context.epoch,
    head,
    time: context.now(),
    columns: Object.fromEntries(context.columns),
    limits: { frameBytes: MAX_FRAME_BYTES, pushMutations: MAX_PUSH_MUTATIONS, idleMs: context.limits.idleMs },
    upgrade: isOlder ? { message: upgrade.message, url: upgrade.url } : null,
  };
}
