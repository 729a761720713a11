/**
 * [G16] [G18] [G20] [G21] An attacker with a token of one tenant, and one without, against a real server over real
 * sockets. After each kind of attack the server has answered with codes, is up, has logged no fault of its own, and the
 * honest devices of both tenants have noticed nothing; and in all that the attacker received there was no byte of the
 * other tenant, of what the rules hide, or of the server's inside.
 */
import { after, test } from "node:test";
import { attackWithFloods } from "./hostile/floods.ts";
import { attackWithFrames } from "./hostile/frames.ts";
import { attackHttp } from "./hostile/http.ts";
import { attackIdentities } from "./hostile/identities.ts";
import { attackWithMeanings } from "./hostile/meanings.ts";
import { attackAtRandom } from "./hostile/random.ts";
import { Target } from "./hostile/target.ts";

/** No rate stops the attacks; those on the rates themselves have a server of their own. */
const UNHURRIED = { messagesPerSecond: 1e6, mutationsPerSecond: 1e6, mutationBurst: 1e6 };
let target = await Target.start(UNHURRIED);
after(() => target.close());

attackWithFrames(target);
attackWithMeanings(target);
attackIdentities(target);
attackHttp(target);
attackAtRandom(target);
attackWithFloods(target);

test("after all of it, killed and started again, the server has everything that the honest wrote", async () => {
  target = await target.restart();
  await target.assertWell();
});
