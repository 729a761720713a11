/**
 * A device in a process of its own, so that it can be killed: it writes notes one after the other and prints a line for
 * each that is saved on its disk. `device.ts STORE URL NAME TOKEN FIRST`
 */
import { createClient } from "@tidelock/client";
import { sqliteStore } from "@tidelock/client/sqlite";
import { schema } from "./schema.ts";

const [store = "", url = "", name = "", token = "", first = "0"] = process.argv.slice(2);
const client = createClient({ url, schema, auth: token, store: sqliteStore({ path: store }) });
await client.opened;
console.log("opened");
for (let number = Number(first); ; number++) {
  const id = `${name}-${number}`;
  const write = client.notes.create({ id, text: `note ${number} of ${name}` });
  client.notes.update(id, { edits: 1 });
  await write.saved;
  console.log(`saved ${number}`);
}
