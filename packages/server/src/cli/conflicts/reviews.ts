/** `tidelock reviews`: what waits for a person on a running server, and the decision. */
import { randomBytes } from "node:crypto";
import type { JsonObject, JsonValue } from "@tidelock/core";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CandidateRecord, ReviewList, ReviewRecord } from "../../engine/inquiry-records.ts";
import { UsageError } from "../failure.ts";
import { helpText } from "../help-text.ts";
import { note, paint, print, printJson, visible } from "../output.ts";
import { confirmed } from "./confirm.ts";
import { parseCount } from "./conflicts.ts";
import { printParagraphs } from "./paragraphs.ts";
import { advising, part, ServerApi, type ServerOptions, typedAgain, withServerOptions } from "./server-api.ts";
import { type Cell, printTable } from "./table.ts";
import { authorAndDevice, authorOf, moment, shown, writing } from "./words.ts";

interface ListOptions extends ServerOptions {
  readonly status: "open" | "closed" | "all";
  readonly collection?: string;
  readonly entity?: string;
  readonly assignee?: string;
  readonly nobody?: true;
  readonly after?: string;
  readonly limit: number;
}

interface AssignOptions extends ServerOptions {
  readonly nobody?: true;
  readonly due?: string;
  readonly note?: string;
  readonly onExpiry?: "keep" | "latest";
}

interface DecideOptions extends ServerOptions {
  readonly candidate?: string;
  readonly value?: JsonValue;
  readonly seen?: string;
  readonly yes?: true;
}

interface Done {
  readonly id: string;
  readonly version: string;
  readonly outcome: string;
}

const TOKENS =
  "The server is asked with the token of --token, of TIDELOCK_TOKEN, or one signed with .tidelock/dev-secret. It shows what that user may read, and the collection's review rule says who decides.";
const ID = "the review, as `ls` shows it";
const ELSEWHERE = "`tidelock reviews ls --status all` lists the reviews that you may read, with their ids.";
const PAGE = 200;

export function addReviewsCommand(program: Command): void {
  const reviews = program
    .command("reviews")
    .description("what waits for a person, and the decision")
    .addHelpText("after", () =>
      helpText([
        "tidelock reviews ls",
        "tidelock reviews show review:phone:7:0.3",
        "tidelock reviews decide review:phone:7:0.3 --candidate phone:7",
      ]),
    );
  withServerOptions(reviews.command("ls").description("list reviews"))
    .addOption(new Option("--status <status>", "which").choices(["open", "closed", "all"]).default("open"))
    .option("--collection <name>", "only those of this collection")
    .option("--entity <id>", "only those of this entity")
    .option("--assignee <user>", "only those of this person")
    .option("--nobody", "only those that nobody has")
    .option("--after <id>", "go on after this review")
    .option("--limit <count>", "how many at most", parseCount, 20)
    .addHelpText("after", () =>
      helpText(
        ["tidelock reviews ls", "tidelock reviews ls --nobody", "tidelock reviews ls --status closed --json"],
        TOKENS,
      ),
    )
    .action(list);
  withServerOptions(reviews.command("show").description("show one review with its candidates").argument("<id>", ID))
    .addHelpText("after", () => helpText(["tidelock reviews show review:phone:7:0.3"], TOKENS))
    .action(show);
  withServerOptions(
    reviews
      .command("assign")
      .description("say who is to decide, until when, and why")
      .argument("<id>", ID)
      .argument("[person]", "the user who is to decide"),
  )
    .option("--nobody", "take it from whoever has it")
    .option("--due <time>", "until when, like 2026-03-01T12:00:00Z, or never")
    .option("--note <text>", "what whoever decides should know")
    .addOption(new Option("--on-expiry <what>", "what stands when the time is up").choices(["keep", "latest"]))
    .addHelpText("after", () =>
      helpText(
        [
          "tidelock reviews assign review:phone:7:0.3 ana",
          "tidelock reviews assign review:phone:7:0.3 --nobody --due never",
        ],
        TOKENS,
      ),
    )
    .action(assign);
  withServerOptions(reviews.command("decide").description("decide a review, for everybody").argument("<id>", ID))
    .option("--candidate <id>", "the candidate that stands")
    .option("--value <json>", "another value", parseJson)
    .option("--seen <version>", "the version that was looked at, as `show --json` has it; then it does not ask")
    .option("--yes", "do not ask")
    .addHelpText("after", () =>
      helpText(
        [
          "tidelock reviews decide review:phone:7:0.3 --candidate phone:7",
          `tidelock reviews decide review:phone:7:0.3 --value '"done"' --yes`,
        ],
        "It shows what there is to decide about and asks. A value that comes in meanwhile ends it with review-changed, so that nobody decides over what he has not seen.",
        TOKENS,
      ),
    )
    .action(decide);
}

async function list(options: ListOptions): Promise<void> {
  const api = new ServerApi(options);
  const { status, collection, entity, limit } = options;
  if (options.nobody === true && options.assignee !== undefined) throw clash("--nobody", "--assignee");
  const assignee = options.nobody === true ? "" : options.assignee;
  const found: ReviewRecord[] = [];
  let after: string | null = options.after ?? null;
  do {
    const page: ReviewList = await api.get("/reviews", {
      status,
      collection,
      entity,
      assignee,
      after: after ?? undefined,
      limit: Math.min(PAGE, limit - found.length),
    });
    found.push(...page.reviews);
    after = page.next;
  } while (after !== null && found.length < limit);
  if (options.json === true) return printJson({ reviews: found, next: after });
  if (found.length === 0) return note("nothing waits that you may read and that fits", false);
  printTable(["id", "opened", "due", "assignee", "where"], found.flatMap(rowsOf));
  if (after !== null) note(`there may be more: go on with --after ${after}`, false);
}

function rowsOf(review: ReviewRecord): readonly (readonly Cell[])[] {
  const { id, opened_at, due, assignee, collection, entity_id, field, candidates, outcome } = review;
  const values = candidates.map((each) => `${writing(field, each.value)} by ${authorOf(each)}`).join(", ");
  const decided = outcome === null ? "" : ` → ${writing(field, outcome.value)} by ${visible(outcome.user)}`;
  return [
    [
      [id, "bold"],
      [moment(opened_at), "dim"],
      [due === null ? "-" : moment(due), isLate(due) ? "red" : "dim"],
      [visible(assignee ?? "-"), "reset"],
      [field === null ? collection : `${collection} ${field}`, "cyan"],
    ],
    [[`${entity_id}  ${values}${decided}`, "dim"]],
  ];
}

function isLate(due: string | null): boolean {
  return due !== null && Date.parse(due) < Date.now();
}

async function show(id: string, options: ServerOptions): Promise<void> {
  const review = await fetchReview(new ServerApi(options), id);
  if (options.json === true) return printJson(review);
  printReview(review);
  if (review.status === "closed") return;
  print();
  print("  Decide it with one of its candidates, or with another value:");
  print(`  ${paint.output("cyan", `tidelock reviews decide ${id} --candidate <id>${typedAgain(options)}`)}`);
}

function fetchReview(api: ServerApi, id: string): Promise<ReviewRecord> {
  return advising(api.get<ReviewRecord>(`/reviews/${part(id)}`), {
    "entity-not-found": ELSEWHERE,
    "invalid-id": ELSEWHERE,
  });
}

function printReview(review: ReviewRecord): void {
  const { id, collection, entity_id, field, status, base, candidates, outcome, due } = review;
  print(`${paint.output("bold", id)}  ${paint.output(status === "open" ? "yellow" : "green", status)}`);
  printParagraphs([
    [
      "about",
      field === null ? `${collection} ${entity_id}: to delete it or not` : `the ${field} of ${collection} ${entity_id}`,
    ],
    ["because", visible(review.reason)],
    ...(base === undefined ? [] : [["before", writing(field, base)] as const]),
    ["opened", moment(review.opened_at)],
    [
      "due",
      due === null
        ? "never"
        : `${moment(due)}, then ${review.on_expiry === "keep" ? "it stays as it is" : "the latest stands"}`,
    ],
    ["assignee", visible(review.assignee ?? "nobody")],
    ...(review.note === null ? [] : [["note", shown(review.note, 200)] as const]),
    ...(outcome === null ? [] : [["decided", outcomeOf(review, outcome)] as const]),
  ]);
  print();
  printTable(
    ["  candidate", "by", "at", "value"],
    candidates.map((candidate, index) => candidateRow(field, candidate, index === 0)),
  );
}

function candidateRow(field: string | null, candidate: CandidateRecord, stands: boolean): readonly Cell[] {
  return [
    [`  ${candidate.id}`, "bold"],
    [authorAndDevice(candidate), "reset"],
    [moment(candidate.time), "dim"],
    [`${writing(field, candidate.value)}${stands ? "  (stands meanwhile)" : ""}`, "reset"],
  ];
}

function outcomeOf({ field }: ReviewRecord, { kind, user, value, time }: NonNullable<ReviewRecord["outcome"]>): string {
  const when = moment(time);
  const who = visible(user);
  if (kind === "deleted") return `${who} deleted the entity (${when})`;
  if (kind === "expired") return `${writing(field, value)}, because the time was up (${when})`;
  return `${writing(field, value)} by ${who} (${when})`;
}

async function assign(id: string, person: string | undefined, options: AssignOptions): Promise<void> {
  if (options.nobody === true && person !== undefined) throw clash("--nobody", "a person");
  const changes: JsonObject = {
    ...(person === undefined ? {} : { assignee: person }),
    ...(options.nobody === true ? { assignee: null } : {}),
    ...(options.due === undefined ? {} : { due: options.due === "never" ? null : dueOf(options.due) }),
    ...(options.note === undefined ? {} : { note: options.note === "" ? null : options.note }),
    ...(options.onExpiry === undefined ? {} : { on_expiry: options.onExpiry }),
  };
  if (Object.keys(changes).length === 0) {
    throw new UsageError("nothing would change", "Name a person, or use --nobody, --due, --note or --on-expiry.");
  }
  const api = new ServerApi(options);
  const request = api.post<Done>(`/reviews/${part(id)}`, { ...author(), ...changes });
  const done = await advising(request, { "entity-not-found": ELSEWHERE, "invalid-id": ELSEWHERE });
  if (options.json === true) return printJson({ ...done, ...changes });
  print(`${paint.output("green", "✔")} ${Object.entries(changes).map(saidOf).join(", ")}`);
}

function saidOf([name, value]: [string, JsonValue]): string {
  const none = name === "due" ? "never" : name === "assignee" ? "nobody" : "none";
  return `${name.replace("_", " ")}: ${value === null ? none : String(value)}`;
}

async function decide(id: string, options: DecideOptions): Promise<void> {
  const { candidate, value } = options;
  if ((candidate === undefined) === (value === undefined)) {
    throw new UsageError("a decision is either for a candidate or for another value", "Use --candidate or --value.");
  }
  const asJson = options.json === true;
  const api = new ServerApi(options);
  let version = options.seen;
  if (version === undefined) {
    const review = await fetchReview(api, id);
    // Who cannot be asked is not shown anything either.
    const isAsked = options.yes !== true && !asJson && process.stdin.isTTY;
    if (isAsked) printReview(review);
    const what = candidate === undefined ? shown(value ?? null) : candidateWords(review, candidate);
    if (!(await confirmed(`Decide for ${what}?`, options.yes === true, asJson)))
      return note("nothing was decided", asJson);
    version = review.version;
  }
  const choice: JsonObject = candidate === undefined ? { value: value ?? null } : { candidate };
  const request = api.post<Done>(`/reviews/${part(id)}/decide`, { ...author(), version, ...choice });
  const look = `Look at it again: tidelock reviews show ${id}${typedAgain(options)}`;
  const done = await advising(request, {
    "review-closed": `${look}. To overrule it, write the field anew.`,
    "review-changed": look,
    "version-invalid": look,
    "entity-not-found": ELSEWHERE,
    "invalid-id": ELSEWHERE,
  });
  if (asJson) return printJson({ ...done, ...choice });
  print(`${paint.output("green", "✔")} It is decided, on every device.`);
}

/** The server refuses what is no candidate; whoever is asked is told at once. */
function candidateWords({ field, candidates }: ReviewRecord, id: string): string {
  const found = candidates.find((each) => each.id === id);
  if (found === undefined) {
    throw new UsageError(
      `the review has no candidate ${id}`,
      `There are ${candidates.map((each) => each.id).join(", ")}.`,
    );
  }
  return `${writing(field, found.value)} of ${authorOf(found)}`;
}

/** A device and a name of their own for each run: its requests may be sent twice. */
function author(): { readonly device_id: string; readonly temp_id: string } {
  const name = `review-${randomBytes(6).toString("hex")}`;
  return { device_id: name, temp_id: name };
}

function dueOf(text: string): string {
  const time = Date.parse(text);
  if (Number.isNaN(time)) {
    throw new UsageError(`${JSON.stringify(text)} is no time`, "Use one like 2026-03-01T12:00:00Z, or never.");
  }
  return new Date(time).toISOString();
}

function parseJson(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw new InvalidArgumentError(`Use JSON: text stands in double quotes, like '"done"'.`);
  }
}

function clash(one: string, other: string): UsageError {
  return new UsageError(`${one} and ${other} exclude each other`, "Leave one of them out.");
}
