/** The program: its commands, how it speaks, and what becomes of a command line that it does not understand. */
import { Command, CommanderError } from "commander";
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
  const add = [addDevCommand, addServeCommand, addTokenCommand, addTailCommand, addDoctorCommand, addExplainCommand];
  for (const addCommand of add) addCommand(program);
  try {
    await program.parseAsync(arguments_.length === 0 ? ["--help"] : [...arguments_], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode !== 0) throw usageError(error, arguments_);
    throw error;
  }
  return Number(process.exitCode ?? EXIT_CODES.ok);
}

/** Commander's words as ours: `error: unknown option '--prot'\n(Did you mean --port?)`. */
function usageError(error: CommanderError, arguments_: readonly string[]): UsageError {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = rest
    .join(" ")
    .trim()
    .replace(/^\((.*)\)$/, "$1");
  const [reason = first, advice = ""] = first.split(/(?<=is invalid\.) /);
  const command = arguments_.find((argument) => !argument.startsWith("-"));
  const isCommand = command !== undefined && error.code !== "commander.unknownCommand";
  const help = `\`tidelock ${isCommand ? `${command} ` : ""}--help\` shows ${isCommand ? "the options" : "the commands"}.`;
  return new UsageError(reason.replace(/\.$/, ""), [advice, suggestion, help].filter((part) => part !== "").join(" "));
}
