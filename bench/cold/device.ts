/** A new process starts a new device: until every entity can be read. Prints the milliseconds. `device.ts URL COUNT NAME` */
import { createClient } from "@tidelock/client";
import { schema } from "../schema.ts";
import { benchToken } from "../token.ts";

const [url = "", count = "", name = ""] = process.argv.slice(2);
const token = await benchToken(name);
const began = performance.now();
const client = createClient({ url, schema, auth: token });
const query = client.items.query({});
await new Promise<void>((resolve) => {
  query.subscribe(() => {
    if (query.isComplete) resolve();
  });
});
if (query.data.length !== Number(count) || query.data.at(-1)?.title === undefined) {
  throw new Error(`the device has ${query.data.length} entities, not ${count}`);
}
console.log(performance.now() - began);
process.exit(0);
