/** `tidelock conflicts`: the decision log of a running server, and the way back for a value that lost. */
import { randomBytes } from "node:crypto";
import { ERRORS, isErrorCode, type JsonObject } from "@tidelock/core";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { ConflictList, ConflictRecord, HistoryList } from "../../engine/inquiry-records.ts";
import type { ReconcileResponse } from "../../engine/effect.ts";
import { AdvisedError } from "../failure.ts";
import { helpText } from "../help-text.ts";
import { note, paint, print, printFacts, printJson, visible, wrap } from "../output.ts";
import { type Account, accountOf } from "./account.ts";
import { confirmed } from "./confirm.ts";
import { pageWidth, printParagraphs } from "./paragraphs.ts";
import { restorePlan, type Side } from "./restore-plan.ts";
import { advising, part, ServerApi, type ServerOptions, typedAgain, withServerOptions } from "./server-api.ts";
import { type Cell, printTable } from "./table.ts";
import { authorAndDevice, authorOf, moment, writing } from "./words.ts";

interface ListOptions extends ServerOptions {
  readonly collection?: string;
  readonly entity?: string;
  readonly field?: string;
  readonly policy?: string;
  readonly winner?: string;
  readonly before?: string;
  readonly limit: number;
}

interface RestoreOptions extends ServerOptions {
  readonly side?: Side;
  readonly yes?: true;
}

const TOKENS =
  "The server is asked with the token of --token, of TIDELOCK_TOKEN, or one signed with .tidelock/dev-secret. It shows what that user may read.";
/** As many as the server gives at once. */
const PAGE = 200;

export function addConflictsCommand(program: Command): void {
  const conflicts = program
    .command("conflicts")
    .description("the decision log: what was settled, why, and the way back")
    .addHelpText("after", () =>
      helpText([
        "tidelock conflicts ls --collection tasks",
        "tidelock conflicts explain 42.0",
        "tidelock conflicts restore 42.0",
      ]),
    );
  withServerOptions(conflicts.command("ls").description("list decisions, newest first"))
    .option("--collection <name>", "only those of this collection")
    .option("--entity <id>", "only those of this entity")
    .option("--field <name>", "only those of this field")
    .option("--policy <name>", "only those of this policy, like lww or resolve/greatest")
    .addOption(
      new Option("--winner <side>", "only those that ended so").choices(["current", "incoming", "merged", "review"]),
    )
    .option("--before <id>", "go on before this decision")
    .option("--limit <count>", "how many at most", parseCount, 20)
    .addHelpText("after", () =>
      helpText(
        [
          "tidelock conflicts ls",
          "tidelock conflicts ls --collection tasks --field title --limit 100",
          "tidelock conflicts ls --winner review --json",
        ],
        TOKENS,
      ),
    )
    .action(list);
  withServerOptions(
    conflicts
      .command("show")
      .description("show one decision with all that is known of it")
      .argument("<id>", "the decision, as `ls` shows it"),
  )
    .addHelpText("after", () =>
      helpText(["tidelock conflicts show 42.0", "tidelock conflicts show 42.0 --json"], TOKENS),
    )
    .action(show);
  withServerOptions(
    conflicts
      .command("explain")
      .description("say in words what happened, why, and what can be done")
      .argument("<id>", "the decision, as `ls` shows it"),
  )
    .addHelpText("after", () => helpText(["tidelock conflicts explain 42.0"], TOKENS))
    .action(explain);
  withServerOptions(
    conflicts
      .command("restore")
      .description("write the value that lost again")
      .argument("<id>", "the decision, as `ls` shows it"),
  )
    .addOption(
      new Option("--side <side>", "which value to write, where neither lost alone").choices(["current", "incoming"]),
    )
    .option("--yes", "do not ask")
    .addHelpText("after", () =>
      helpText(
        ["tidelock conflicts restore 42.0", "tidelock conflicts restore 42.0 --side current --yes"],
        "It is a new write over all that was written since, by the user of the token; rules of the server hold for it as for any other.",
        TOKENS,
      ),
    )
    .action(restore);
}

async function list(options: ListOptions): Promise<void> {
  const api = new ServerApi(options);
  const { collection, entity, field, policy, winner, limit } = options;
  const found: ConflictRecord[] = [];
  let before: string | null = options.before ?? null;
  do {
    // A page may be short, or empty, and still have a next one.
    const page: ConflictList = await api.get("/conflicts", {
      collection,
      entity,
      field,
      policy,
      winner,
      before: before ?? undefined,
      limit: Math.min(PAGE, limit - found.length),
    });
    found.push(...page.conflicts);
    before = page.next;
  } while (before !== null && found.length < limit);
  if (options.json === true) return printJson({ conflicts: found, next: before });
  if (found.length === 0) return note("there is none that you may read and that fits", false);
  printTable(["id", "when", "policy", "stands", "where"], found.flatMap(rowsOf));
  if (before !== null) note(`there may be older ones: go on with --before ${before}`, false);
}

function rowsOf(conflict: ConflictRecord): readonly (readonly Cell[])[] {
  const { id, time, policy, winner, collection, entity_id, field, current, incoming } = conflict;
  const side = (each: typeof current): string => `${writing(field, each.value)} by ${authorOf(each)}`;
  const style = winner === "review" ? "yellow" : "reset";
  return [
    [
      [id, "bold"],
      [moment(time), "dim"],
      [policy, "reset"],
      [winner, style],
      [field === null ? collection : `${collection} ${field}`, "cyan"],
    ],
    [[`${entity_id}  ${side(current)}, then ${side(incoming)}`, "dim"]],
  ];
}

function fetchConflict(api: ServerApi, id: string): Promise<ConflictRecord> {
  const fix = "`tidelock conflicts ls` lists the decisions that you may read, with their ids.";
  return advising(api.get<ConflictRecord>(`/conflicts/${part(id)}`), { "not-found": fix, "invalid-id": fix });
}

async function show(id: string, options: ServerOptions): Promise<void> {
  const conflict = await fetchConflict(new ServerApi(options), id);
  if (options.json === true) return printJson(conflict);
  const { field, base, value, winner, current, incoming } = conflict;
  const side = (each: typeof current): (readonly [string, string])[] => [
    ["  value", writing(field, each.value)],
    ["  by", authorAndDevice(each)],
    ["  at", `${moment(each.time)}, event ${each.offset}`],
    ["  version", each.version ?? "not in the log any more"],
  ];
  print(paint.output("bold", `decision ${conflict.id}`));
  printFacts([
    ["collection", conflict.collection],
    ["entity", conflict.entity_id],
    ["field", field ?? "(the whole entity)"],
    ["policy", `${conflict.policy}, version ${conflict.policy_version}`],
    ["reason", visible(conflict.reason)],
    ["decided", moment(conflict.time)],
    ["stands", winner],
    ["value", writing(field, value)],
    ...(base === undefined ? [] : [["base", writing(field, base)] as const]),
    ["current", ""],
    ...side(current),
    ["incoming", ""],
    ...side(incoming),
  ]);
}

async function explain(id: string, options: ServerOptions): Promise<void> {
  const api = new ServerApi(options);
  const conflict = await fetchConflict(api, id);
  const account = accountOf(conflict, await presentOf(api, conflict), typedAgain(options));
  if (options.json === true) {
    const [, command] = account.advice ?? [null, null];
    return printJson({ conflict, headline: account.headline, ...Object.fromEntries(account.parts), command });
  }
  printAccount(account);
}

/** The entity as it is; `null` when it is not there any more, which is no reason to say nothing of the past. */
async function presentOf(api: ServerApi, { collection, entity_id }: ConflictRecord): Promise<HistoryList | null> {
  try {
    return await api.get<HistoryList>(`/history/${part(collection)}/${part(entity_id)}`, { limit: 1 });
  } catch (error) {
    if (error instanceof AdvisedError && error.code === "entity-not-found") return null;
    throw error;
  }
}

function printAccount({ headline, parts, advice }: Account): void {
  for (const line of wrap(headline, pageWidth())) print(paint.output("bold", line));
  print();
  printParagraphs(parts);
  if (advice === null) return;
  const [text, command] = advice;
  print();
  for (const line of wrap(text, pageWidth())) print(line);
  // A command is copied, so it stays in one line.
  print(`  ${paint.output("cyan", command)}`);
}

async function restore(id: string, options: RestoreOptions): Promise<void> {
  const api = new ServerApi(options);
  const asJson = options.json === true;
  const conflict = await fetchConflict(api, id);
  const { collection, entity_id: entity } = conflict;
  const present = await presentOf(api, conflict);
  if (present === null) {
    throw new AdvisedError(
      "entity-not-found",
      `${collection} ${entity} is not there any more`,
      "Create a new one; `tidelock conflicts show` has what was written.",
    );
  }
  const plan = restorePlan(conflict, present, options.side);
  if (plan.operation === "nothing") {
    if (asJson) return printJson({ id, collection, entity_id: entity, outcome: "unchanged", conflicts: [] });
    return print(`${paint.output("green", "✔")} Nothing to do: ${plan.because}.`);
  }
  const replacing = plan.replaces === null ? "" : `, in place of ${plan.replaces}`;
  const question = `${plan.does[0]?.toUpperCase()}${plan.does.slice(1)}${replacing}?`;
  if (!(await confirmed(question, options.yes === true, asJson))) return note("nothing was written", asJson);
  const { operation, payload } = plan;
  const answer = await send(api, present, { entity_id: entity, collection, operation, payload });
  const [refused] = answer.rejected;
  if (refused !== undefined) throw new AdvisedError(refused.code, refused.message, fixOf(refused.code));
  const outcome = answer.applied[0]?.outcome ?? "applied";
  if (asJson)
    return printJson({ id, collection, entity_id: entity, operation, payload, outcome, conflicts: answer.conflicts });
  print(`${paint.output("green", "✔")} ${DONE[outcome]}`);
  for (const { field, reason } of answer.conflicts) print(`  ${field ?? "the entity"}: ${visible(reason)}`);
}

/** Sends a mutation by somebody who has seen the entity as it is. */
async function send(api: ServerApi, { version }: HistoryList, mutation: JsonObject): Promise<ReconcileResponse> {
  const name = `restore-${randomBytes(6).toString("hex")}`;
  const body = { device_id: name, mutations: [{ ...mutation, temp_id: name, version }] };
  try {
    // No more is wanted back than what changed since.
    return await api.post<ReconcileResponse>("/reconcile", {
      ...body,
      last_ack_version: version.split("~", 1)[0] ?? null,
    });
  } catch (error) {
    // The log does not reach back as far as the entity: what is there comes from the beginning, and is passed over.
    if (!(error instanceof AdvisedError) || error.code !== "checkpoint-expired") throw error;
    return api.post<ReconcileResponse>("/reconcile", body);
  }
}

const DONE = {
  "applied": "It is written.",
  "duplicate": "It is written.",
  "merged": "It is written, and met a write that was made meanwhile:",
  "in-review": "It waits for a person now: `tidelock reviews ls` has the review.",
} as const;

function fixOf(code: string): string {
  return isErrorCode(code) ? ERRORS[code].fix : "";
}

export function parseCount(text: string): number {
  if (!/^\d{1,6}$/.test(text) || Number(text) === 0) throw new InvalidArgumentError("Use a whole number from 1.");
  return Number(text);
}
