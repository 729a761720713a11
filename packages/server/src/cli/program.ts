/** The program: its commands, how it speaks, and what becomes of a command line that it does not understand. */
import { Command, CommanderError } from "commander";
import { addConflictsCommand } from "./conflicts/conflicts.ts";
import { addReviewsCommand } from "./conflicts/reviews.ts";
import { addDevCommand } from "./dev.ts";
import { addDoctorCommand } from "./doctor.ts";
import { addExplainCommand } from "./explain.ts";
import { EXIT_CODES, UsageError } from "./failure.ts";
import { helpText } from "./help-text.ts";
import { paint } from "./output.ts";
import { addServeCommand } from "./serve.ts";
import { addTailCommand } from "./tail.ts";
import { addTokenCommand } from "./token.ts";
import { version } from "./version.ts";

/** Runs a command line, and returns the exit code that its command set. */
export async function runProgram(arguments_: readonly string[]): Promise<number> {
  const program = new Command("tidelock")
    .description("Tidelock: self-hosted real-time synchronization.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help")
    .exitOverride()
    .addHelpText("after", () =>
      helpText(
        [
          "tidelock dev                             a server for development, without configuration",
          "tidelock token --tenant demo --user u1   a token that it accepts",
          "tidelock tail                            watch changes as they happen",
          "tidelock conflicts ls                    how concurrent writes were settled",
          "tidelock reviews ls                      what waits for a person",
          "tidelock doctor                          find out what is wrong",
        ],
        "Exit codes: 0 all went well, 1 it failed, 2 the command was not understood.",
        "`tidelock <command> --help` has the options and examples of each command.",
      ),
    )
    .configureOutput({ outputError: () => {} })
    .configureHelp({
      subcommandTerm: (command) => command.name(),
      styleTitle: (text) => paint.output("bold", text),
      styleCommandText: (text) => paint.output("cyan", text),
      styleSubcommandText: (text) => paint.output("cyan", text),
      styleOptionText: (text) => paint.output("cyan", text),
      styleArgumentText: (text) => paint.output("cyan", text),
    });
  const add = [
    addDevCommand,
    addServeCommand,
    addTokenCommand,
    addTailCommand,
    addConflictsCommand,
    addReviewsCommand,
    addDoctorCommand,
    addExplainCommand,
  ];
  for (const addCommand of add) addCommand(program);
  try {
    await program.parseAsync(isIncomplete(program, arguments_) ? [...arguments_, "--help"] : [...arguments_], {
      from: "user",
    });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode !== 0) throw usageError(error, program, arguments_);
    throw error;
  }
  return Number(process.exitCode ?? EXIT_CODES.ok);
}

/** Whether the arguments name no command yet, or one that only has commands of its own. */
function isIncomplete(program: Command, arguments_: readonly string[]): boolean {
  const named = commandsNamed(program, arguments_);
  return named.length === arguments_.length && (named.at(-1) ?? program).commands.length > 0;
}

/** The commands at the beginning of the arguments: `conflicts`, then its `ls`. */
function commandsNamed(program: Command, arguments_: readonly string[]): readonly Command[] {
  const found: Command[] = [];
  let within = program;
  for (const word of arguments_) {
    const next = within.commands.find((command) => command.name() === word);
    if (next === undefined) break;
    found.push(next);
    within = next;
  }
  return found;
}

/** Commander's words as ours: `error: unknown option '--prot'\n(Did you mean --port?)`. */
function usageError(error: CommanderError, program: Command, arguments_: readonly string[]): UsageError {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = rest
    .join(" ")
    .trim()
    .replace(/^\((.*)\)$/, "$1");
  const [reason = first, advice = ""] = first.split(/(?<=is invalid\.) /);
  const named = commandsNamed(program, arguments_);
  const hasCommands = (named.at(-1) ?? program).commands.length > 0;
  const path = ["tidelock", ...named.map((command) => command.name()), "--help"].join(" ");
  const help = `\`${path}\` shows ${hasCommands ? "the commands" : "the options"}.`;
  return new UsageError(reason.replace(/\.$/, ""), [advice, suggestion, help].filter((part) => part !== "").join(" "));
}
