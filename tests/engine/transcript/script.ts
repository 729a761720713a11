/**
 * Scripts: commands in text, and what they cause. A file of the transcripts is blocks of commands, each followed by
 * `----` and by what happened, up to an empty line:
 *
 *     ana online
 *     deliver
 *     ----
 *     ana   connects
 *
 * Lines that begin with `#` are remarks. Values are JSON, or words. Of a block that begins with `quietly` nothing is told.
 */
import type { Filter, JsonObject, JsonValue } from "@tidelock/core";
import type { Intent } from "@tidelock/client/engine";
import { parseReconcilePosition } from "@tidelock/server/engine";
import { device, entity, room, START } from "../names.ts";
import type { Actor } from "./actor.ts";
import { Stage } from "./stage.ts";

const QUIETLY = "quietly";

/** The script again, with what it causes now. */
export function perform(script: string): string {
  const stage = new Stage();
  return `${script
    .trimEnd()
    .split(/\n\n+/)
    .map((block) => performBlock(stage, block))
    .join("\n\n")}\n`;
}

function performBlock(stage: Stage, block: string): string {
  const [commands = ""] = block.split(/^----$/m);
  const lines = commands.trimEnd().split("\n");
  const real = lines.filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (real.length === 0) return commands.trimEnd();
  stage.lines.length = 0;
  const [first] = real;
  for (const line of first === QUIETLY ? real.slice(1) : real) command(stage, line);
  return [commands.trimEnd(), "----", ...(first === QUIETLY ? ["…"] : stage.lines)].join("\n");
}

function command(stage: Stage, line: string): void {
  const [first = "", ...rest] = line.trim().split(" ");
  const [second = "", third = ""] = rest;
  switch (first) {
    case "deliver":
      return deliver(stage, rest);
    case "wait":
      return stage.wait(Number(second), () => {});
    case "pass":
      return stage.wait(Number(second), () => deliver(stage, []));
    case "hold":
      return stage.hold(second === "appends" ? "append" : "read");
    case "release":
      return stage.release();
    case "fail":
      return stage.failHeld();
    case "backup":
      return stage.backup();
    case "server":
      return stage.restart(second === "restart" ? "same" : second === "restore" ? "backup" : "empty");
    case "trim":
      return stage.trim(Number(second));
    case "tokens":
      stage.tokenLifeMs = Number(second);
      return;
    case "application":
      return stage.application(second);
    case "reconcile":
      return reconcile(stage, line.slice("reconcile ".length));
    case "role":
      stage.roles.set(second, third);
      return stage.authenticate(second);
    case "user":
      stage.users.set(second, third);
      return;
    case "blocked":
    case "drained":
      return stage.socket(second, `session-${first}`);
    default:
      return perDevice(stage, stage.actor(first), second, rest.slice(1), line);
  }
}

function deliver(stage: Stage, words: readonly string[]): void {
  const directions = words.filter((word) => word === "up" || word === "down");
  const names = words.filter((word) => word !== "up" && word !== "down");
  stage.deliver(
    names.length > 0 ? names : [...stage.actors.keys()],
    directions.length > 0 ? directions : ["up", "down"],
  );
}

function perDevice(stage: Stage, actor: Actor, verb: string, rest: readonly string[], line: string): void {
  const [first = ""] = rest;
  switch (verb) {
    case "start":
      actor.start();
      return;
    case "crash":
      return actor.crash();
    case "vanish":
      return actor.vanish();
    case "cut":
      return actor.lose();
    case "online":
    case "offline":
      return actor.input({ type: `go-${verb}` });
    case "subscribe":
    case "unsubscribe":
      return actor.subscription(verb, first, fieldsOf(rest.slice(1)) as Filter);
    case "create":
    case "update":
    case "delete":
      return actor.write([intentOf(actor, [verb, ...rest])]);
    case "transaction":
      return actor.write(
        line
          .slice(line.indexOf("transaction") + 12)
          .split(" + ")
          .map((part) => intentOf(actor, part.split(" "))),
      );
    case "calls":
      return actor.call(first, fieldsOf(rest.slice(1)));
    case "picks":
      return actor.decide(first, { candidate: rest[1] ?? "" });
    case "decides":
      return actor.decide(first, { value: valueOf(rest.slice(1).join(" ")) });
    case "discard":
      return actor.input({ type: "discard", counter: Number(first) });
    case "disk":
      if (first === "hold" || first === "release" || first === "fail") actor.disk(first);
      return;
    case "tokens":
      actor.hasTokens = first === "on";
      return;
    case "enters":
      return actor.input({ type: "presence", room: room(first), state: fieldsOf(rest.slice(1)) });
    case "leaves":
      return actor.input({ type: "presence-leave", room: room(first) });
    case "hears":
      return stage.say(actor, JSON.parse(rest.join(" ")));
    case "says":
      actor.link?.up.push(JSON.parse(rest.join(" ")));
      return;
    case "shows":
      return actor.show();
    default:
      throw new Error(`there is no command ${line}`);
  }
}

function intentOf(actor: Actor, [operation, collection = "", id = "", ...fields]: readonly string[]): Intent {
  if (operation !== "create" && operation !== "update" && operation !== "delete") throw new Error(`no ${operation}`);
  return actor.intent(operation, collection, id, fieldsOf(fields));
}

function fieldsOf(words: readonly string[]): JsonObject {
  return Object.fromEntries(
    words.map((word) => {
      const [name = "", ...text] = word.split("=");
      return [name, valueOf(text.join("="))];
    }),
  );
}

function valueOf(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

/** `device after checkpoint: name operation collection entity field=value …; …` */
function reconcile(stage: Stage, text: string): void {
  const [head = "", body = ""] = text.split(/: ?(.*)/s);
  const [name = "", , checkpoint = ""] = head.split(" ");
  const mutations = body === "" ? [] : body.split("; ").map((part) => part.split(" "));
  stage.reconcile(name, {
    device: device(name),
    checkpoint: checkpoint === "" ? null : parseReconcilePosition(checkpoint),
    mutations: mutations.map(([temp = "", operation = "", collection = "", id = "", ...fields]) => {
      const { version = null, remaining = 0, ...payload } = fieldsOf(fields);
      return {
        name: temp,
        operation,
        collection,
        entity: id === "" || id === "-" ? null : entity(id),
        payload,
        version: typeof version === "string" ? version : null,
        occurredAt: START,
        remaining: Number(remaining),
      };
    }),
  });
}
