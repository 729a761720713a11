/** `tidelock token`: a token that the local server accepts. */
import type { JsonValue } from "@tidelock/core";
import { type Command, InvalidArgumentError } from "commander";
import { findDevSecret, openDevSecret, readSecret, shortPath } from "./dev-secret.ts";
import { signDevToken } from "./dev-token.ts";
import { parseDuration } from "./duration.ts";
import { helpText } from "./help-text.ts";
import { note, print, printJson } from "./output.ts";

type Claims = Readonly<Record<string, JsonValue>>;

interface TokenOptions {
  readonly tenant: string;
  readonly user: string;
  readonly expires?: number;
  readonly secretFile?: string;
  readonly claim?: Claims;
  readonly json?: true;
}

const DEFAULT_SECONDS = 3600;
/** What the server reads from the token itself. */
const OWN_CLAIMS = new Set(["tenant", "sub", "iat", "exp"]);

export function addTokenCommand(program: Command): void {
  program
    .command("token")
    .description("print a token that the local server accepts")
    .requiredOption("--tenant <id>", "the tenant that the token opens")
    .requiredOption("--user <id>", "the user that it speaks for")
    .option("--expires <span>", "how long it is valid, as in 90s, 15m, 1h, 7d (default: 1h)", parseDuration)
    .option("--secret-file <path>", "sign with the secret in this file")
    .option("--claim <name=value>", "a further claim for rules; the value is JSON or text", addClaim)
    .option("--json", "print JSON")
    .addHelpText("after", () =>
      helpText(
        [
          "tidelock token --tenant demo --user u1",
          'tidelock token --tenant demo --user u1 --expires 7d --claim role=admin --claim \'teams=["red","blue"]\'',
          'curl -N -H "Authorization: Bearer $(tidelock token --tenant demo --user u1)" \\',
          "  'http://localhost:4400/sync/events?device=curl'",
        ],
        "The secret is that of .tidelock/dev-secret, here or in a folder above; servers for development use the same one.",
      ),
    )
    .action(printToken);
}

async function printToken(options: TokenOptions): Promise<void> {
  const asJson = options.json === true;
  const { path, secret } = secretFor(options.secretFile, asJson);
  const { token, expires } = await signDevToken({
    secret,
    tenant: options.tenant,
    user: options.user,
    expiresSeconds: options.expires ?? DEFAULT_SECONDS,
    claims: options.claim ?? {},
  });
  if (asJson) {
    printJson({ token, tenant: options.tenant, user: options.user, expires: expires.toISOString(), secret_file: path });
    return;
  }
  print(token);
  // A person sees what it is; a pipe gets the token alone.
  if (process.stdout.isTTY)
    note(`tenant ${options.tenant}, user ${options.user}, until ${expires.toLocaleString()}`, false);
}

function secretFor(named: string | undefined, asJson: boolean): { readonly path: string; readonly secret: string } {
  const known = named ?? findDevSecret();
  if (known !== null) return { path: known, secret: readSecret(known) };
  const made = openDevSecret();
  note(`made ${shortPath(made.path)}; start the server in this folder, one that already runs does not know it`, asJson);
  return made;
}

function addClaim(text: string, claims: Claims = {}): Claims {
  const separator = text.indexOf("=");
  if (separator < 1) throw new InvalidArgumentError("Use name=value, as in role=admin.");
  const name = text.slice(0, separator);
  if (OWN_CLAIMS.has(name)) throw new InvalidArgumentError(`${name} is set by --tenant, --user and --expires.`);
  return { ...claims, [name]: valueOf(text.slice(separator + 1)) };
}

function valueOf(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
