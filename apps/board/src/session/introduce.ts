/** Lets the server write down who sits here, whenever that is not what it has. The server takes it from the token. */
import type { BoardClient } from "./open-client.ts";
import type { Person } from "./person.ts";

export async function introduce(client: BoardClient, { user, name, role }: Person): Promise<void> {
  await client.opened;
  const known = client.people.get(user);
  if (known?.name !== name || known.role !== role) client.mutate.introduce({});
}
