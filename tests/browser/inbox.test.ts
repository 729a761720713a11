/** The review inbox, end to end: a real server, real devices that were away, real browsers, and people who race. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import { launchBrowser, PATIENCE_MS } from "./board-page.ts";
import { faintTexts } from "./contrast.ts";
import { InboxPage } from "./inbox-page.ts";
import { tellStory } from "./inbox-story.ts";
import { create, type Device, InboxWorld, remove, update } from "./inbox-world.ts";

let browser: Browser;
let world: InboxWorld;
let windows: InboxPage[] = [];

before(async () => {
  browser = await launchBrowser();
});
after(() => browser.close());
beforeEach(async () => {
  world = await InboxWorld.start();
});
afterEach(async () => {
  await Promise.all(windows.map((window) => window.close()));
  windows = [];
  await world.close();
});

async function open(user: string, options: object = {}): Promise<InboxPage> {
  const inbox = await InboxPage.open(browser, world, user, options);
  windows.push(inbox);
  return inbox;
}

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    assert.ok(Date.now() < deadline, `${what}, within ${PATIENCE_MS} ms`);
    // Devices of this process need their turns, too.
    await new Promise((turn) => setImmediate(turn));
  }
}

/** Fares with conflicts: the first value stands. */
async function conflictOfPrices(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await world.write("jonas", [create("fares", name.toLowerCase(), { name, price: 10 })]);
    await world.conflict("fares", name.toLowerCase(), "price", [
      ["noor", 12],
      ["tomas", 15],
    ]);
  }
}

/** The price of a fare, as a device sees it. */
function priceOn(device: Device, id: string): number | undefined {
  return device.fares.get(id)?.price;
}

describe("the inbox", () => {
  test("shows a conflict of two devices as it happens; a decision by keyboard reaches all devices", async () => {
    const [jonas, noor] = [world.device("jonas"), world.device("noor")];
    const stops = [jonas, noor].map((device) => device.fares.live(device.fares.all()).subscribe(() => {}));
    const { id } = jonas.fares.create({ name: "Day ticket", price: 10 });
    await until(() => priceOn(noor, id) === 10, "both devices have the fare");

    const mira = await open("mira");
    await mira.page.locator(".panel").getByText("All clear").waitFor();

    noor.goOffline();
    await jonas.fares.update(id, { price: 12 }).synced;
    const write = noor.fares.update(id, { price: 15 });
    noor.goOnline();
    assert.equal((await write.synced).outcome, "in-review");

    await mira.row("Day ticket", "Price").waitFor();
    await mira.press("j");
    await mira.title("Price").waitFor();
    assert.match(await mira.contender("Jonas Berg").innerText(), /12\s[^]*Stands now/);
    assert.match(await mira.contender("Noor Haddad").innerText(), /15\s[^]*had not seen Jonas’s/);
    assert.match(await mira.page.locator(".is-base").innerText(), /Before\s+10/);

    await mira.press("2");
    await mira.page.getByText("Price becomes 15.").waitFor();
    await mira.press("Enter");
    await mira.toast("Price becomes 15").waitFor();
    await mira.whenSent();
    await until(() => priceOn(jonas, id) === 15 && priceOn(noor, id) === 15, "both devices have the decision");
    assert.equal(jonas.conflicts.of("fares", id).size, 0, "nothing of it waits any more");
    await mira.page.locator(".panel").getByText("All clear").waitFor();
    for (const stop of stops) stop();
    assert.deepEqual(mira.errors, []);
  });

  test("takes a value of one's own, and says why one cannot be sent", async () => {
    await conflictOfPrices("Bicycle");
    const mira = await open("mira");
    await mira.title("Price").waitFor();
    await mira.press("e");
    const field = mira.page.getByRole("textbox", { name: "Another value for Price" });
    assert.equal(await field.inputValue(), "12", "it begins with what stands");
    await field.fill("cheap");
    await mira.page.getByRole("alert").getByText("It must be a finite number.").waitFor();
    assert.ok(await mira.page.getByRole("button", { name: "Decide", exact: true }).isDisabled());
    await field.fill("13.5");
    await mira.page.getByText("Price becomes 13.5.").waitFor();
    await mira.press("Enter");
    await mira.whenSent();
    const jonas = world.device("jonas");
    const [fare] = await jonas.fares.live(jonas.fares.all()).whenComplete();
    assert.equal(fare?.price, 13.5);
  });

  test("has the right input for every type of field", async () => {
    await world.write("jonas", [
      create("fares", "day", { name: "Day ticket", price: 10, validFrom: 1_800_000_000_000, conditions: { zones: 1 } }),
      create("departures", "early", { name: "Early boat", leavesAt: 1_800_000_000_000 }),
    ]);
    const both = (one: never, other: never): Array<[string, never]> => [
      ["noor", one],
      ["tomas", other],
    ];
    await world.conflict("fares", "day", "isRefundable", both(true as never, false as never));
    await world.conflict("fares", "day", "code", both("A" as never, "B" as never));
    await world.conflict("fares", "day", "validFrom", both(1_800_000_060_000 as never, 1_800_000_120_000 as never));
    await world.conflict("fares", "day", "conditions", both({ zones: 2 } as never, { zones: 3 } as never));
    await world.conflict("departures", "early", "gate", both("south_pier" as never, "car_deck" as never));

    const mira = await open("mira");
    const decide = async (title: string, field: string, type: () => Promise<void>, words: string): Promise<void> => {
      await mira.choose(title, field);
      await mira.press("e");
      await type();
      await mira.words.getByText(words).waitFor();
      await mira.page.getByRole("button", { name: "Decide", exact: true }).click();
      await mira.row(title, field).waitFor({ state: "detached" });
    };
    const { page } = mira;
    await decide(
      "Day ticket",
      "Is refundable",
      () => page.getByRole("radio", { name: "No", exact: true }).press("Space"),
      "becomes no",
    );
    await decide("Day ticket", "Code", () => page.getByLabel("Another value for Code").fill("C"), "becomes “C”");
    await decide(
      "Day ticket",
      "Valid from",
      () => page.getByLabel("Another value for Valid from").fill("2027-02-03T04:05"),
      "becomes Wed, Feb 3, 2027, 04:05",
    );
    await decide(
      "Day ticket",
      "Conditions",
      () => page.getByLabel("Another value for Conditions").fill('{ "zones": 4 }'),
      "becomes what you wrote",
    );
    await decide(
      "Early boat",
      "Gate",
      () => page.getByRole("radio", { name: "North pier" }).check(),
      "becomes North pier",
    );
    await mira.whenSent();
    const device = world.device("jonas");
    const [fare] = await device.fares.live(device.fares.all()).whenComplete();
    const [boat] = await device.departures.live(device.departures.all()).whenComplete();
    assert.deepEqual([fare?.isRefundable, fare?.code, fare?.conditions], [false, "C", { zones: 4 }]);
    assert.equal(boat?.gate, "north_pier");
    assert.deepEqual(mira.errors, []);
  });

  test("lets a person decide between an update and a delete, and asks before something is gone for good", async () => {
    await world.write("jonas", [create("departures", "night", { name: "Night boat", leavesAt: 1_800_000_000_000 })]);
    const seen = await world.write("mira", []);
    await world.write("tomas", [update("departures", "night", { seats: 180 })], { seen });
    await world.write("noor", [remove("departures", "night")], { seen });
    const mira = await open("mira");
    await mira.title("The whole record").waitFor();
    assert.match(await mira.contender("Tomas Sand").innerText(), /Seats\s+180[^]*Stands now/);
    await mira.press("2");
    await mira.page.getByText("“Night boat” is deleted.").waitFor();
    await mira.press("Enter");
    const question = mira.page.getByRole("dialog", { name: "Delete “Night boat”?" });
    await question.waitFor();
    await mira.press("Escape");
    assert.deepEqual(await mira.rows(), ["Night boat: Whole record"], "nothing was decided");
    await mira.press("1", "Enter");
    await mira.whenSent();
    const device = world.device("jonas");
    const [boat] = await device.departures.live(device.departures.all()).whenComplete();
    assert.equal(boat?.seats, 180);
  });

  test("takes a decision back, as a write of its own", async () => {
    await conflictOfPrices("Bicycle");
    const device = world.device("jonas");
    device.fares.live(device.fares.all()).subscribe(() => {});
    const mira = await open("mira");
    await mira.title("Price").waitFor();
    await mira.press("2", "Enter");
    await until(() => priceOn(device, "bicycle") === 15, "the decision is there");
    await mira.press("u");
    await mira.toast("Taken back").waitFor();
    await until(() => priceOn(device, "bicycle") === 12, "what was before is there again");
  });

  test("keeps a note, an assignee and a time limit, for everybody", async () => {
    await conflictOfPrices("Bicycle");
    const [mira, noor] = [await open("mira"), await open("noor")];
    await mira.title("Price").waitFor();
    await mira.press("a");
    await noor.page.getByRole("button", { name: "Assigned to Mira Solberg" }).waitFor();
    await mira.press("n");
    await mira.page.keyboard.type("Ask the harbour office.");
    await mira.press("Enter");
    await until(
      async () => (await noor.page.getByRole("textbox", { name: "Note" }).inputValue()) === "Ask the harbour office.",
      "the note is there",
    );
    await mira.page.getByRole("button", { name: /^Due/ }).click();
    await mira.page.getByRole("menuitem", { name: "No time limit" }).click();
    await noor.page.getByRole("button", { name: "No time limit" }).waitFor();
    await mira.page.getByRole("radio", { name: /^Mine/ }).check();
    assert.deepEqual(await mira.rows(), ["Bicycle: Price"]);
    await noor.page.getByRole("radio", { name: /^Unassigned/ }).check();
    await noor.page.getByText("Nothing fits").waitFor();
    await noor.page.getByText("Mira Solberg looks at this, too").waitFor();
  });
});

describe("people who decide at the same time", () => {
  test("do not both win: the second is told who decided, and what", async () => {
    await conflictOfPrices("Bicycle", "Dog");
    const [mira, noor] = [await open("mira"), await open("noor")];
    await mira.choose("Bicycle", "Price");
    await mira.cut();
    await mira.press("2", "Enter");
    await mira.toast("sent when the connection is back").waitFor();
    assert.equal(await mira.page.locator('.sync-pill[data-pending="1"]').count(), 1);
    await noor.choose("Bicycle", "Price");
    await noor.press("1", "Enter");
    await noor.whenSent();

    await mira.mend();
    await mira
      .toast("Somebody else decided first")
      .getByText(/^(Noor Haddad decided: 12|noor has decided already: the field has 12)\.$/)
      .waitFor();
    await mira.page.getByRole("button", { name: "Look" }).click();
    await mira.outcome.getByText("Noor Haddad decided: 12").waitFor();
    await mira.whenSent();
    assert.deepEqual(await noor.rows(), ["Dog: Price"]);
    const device = world.device("jonas");
    const fares = await device.fares.live(device.fares.where({ name: "Bicycle" })).whenComplete();
    assert.equal(fares[0]?.price, 12);
  });

  test("see who was first while they look, and keep their place", async () => {
    await conflictOfPrices("Bicycle", "Dog");
    const [mira, noor] = [await open("mira"), await open("noor")];
    await mira.choose("Bicycle", "Price");
    await mira.press("1");
    await noor.choose("Bicycle", "Price");
    await noor.press("2", "Enter");
    await mira.outcome.getByText("Noor Haddad decided: 15").waitFor();
    assert.equal(await mira.page.getByRole("button", { name: "Decide", exact: true }).count(), 0);
    assert.deepEqual(await mira.rows(), ["Dog: Price"]);
    await mira.page.getByRole("button", { name: "Next review" }).click();
    await mira.page.locator(".review-entity", { hasText: "Dog" }).waitFor();
  });

  test("are told of a value that comes in meanwhile, and never decide over it unseen", async () => {
    await conflictOfPrices("Bicycle");
    const seen = await world.write("jonas", []);
    const [mira, noor] = [await open("mira"), await open("noor")];
    await mira.title("Price").waitFor();
    await noor.title("Price").waitFor();
    await noor.cut();
    await noor.press("2", "Enter");

    await world.write("mira", [update("fares", "bicycle", { price: 17 })], { seen, device: "mira-phone" });
    await mira.page.getByText("Another value came in while you looked, from yourself.").waitFor();
    await mira.page.locator('[data-new="true"]').getByText("17").waitFor();

    await noor.mend();
    await noor.toast("Another value came in meanwhile").waitFor();
    await noor.row("Bicycle", "Price").waitFor();
    await noor.page.getByRole("button", { name: "Look" }).click();
    await noor.contender("Mira Solberg").getByText("17").waitFor();
    await noor.press("3", "Enter");
    await mira.outcome.getByText("Noor Haddad decided: 17").waitFor();
  });
});

describe("many reviews", () => {
  const names = ["Adult", "Bicycle", "Child", "Dog", "Elder"];

  test("are marked by keyboard and decided at once, after a question; taken back at once, too", async () => {
    await conflictOfPrices(...names);
    const device = world.device("jonas");
    device.fares.live(device.fares.all()).subscribe(() => {});
    const prices = (): string => names.map((name) => String(priceOn(device, name.toLowerCase()))).join(" ");
    const mira = await open("mira");
    await mira.choose("Adult", "Price");
    await mira.press("x", "j", "j", "X");
    await mira.page.getByText("3 marked").waitFor();
    await mira.page.getByRole("button", { name: "Take latest" }).click();
    const question = mira.page.getByRole("dialog", { name: "Take the latest value in 3 reviews?" });
    await question.getByText("3 take the latest value.").waitFor();
    await mira.press("Enter");
    await mira.toast("3 reviews are decided").waitFor();
    await until(() => prices() === "15 15 15 12 12", "three have the latest value");
    assert.deepEqual(await mira.rows(), ["Dog: Price", "Elder: Price"]);
    await mira.page.getByRole("button", { name: "Undo" }).click();
    await until(() => prices() === "12 12 12 12 12", "all are as before");
  });

  test("are searched, filtered and grouped", async () => {
    await conflictOfPrices("Adult", "Bicycle");
    await world.write("jonas", [create("notices", "storm", { title: "Storm", text: "It comes." })]);
    await world.conflict("notices", "storm", "text", [
      ["noor", "It came."],
      ["tomas", "It stays away."],
    ]);
    const mira = await open("mira");
    await mira.row("Storm", "Text").waitFor();
    assert.deepEqual(await mira.rows(), ["Storm: Text", "Adult: Price", "Bicycle: Price"], "the most urgent first");
    await mira.press("/");
    await mira.page.keyboard.type("away tomas");
    await until(
      async () => (await mira.rows()).join() === "Storm: Text",
      "what was searched for is found by its values",
    );
    await mira.press("Escape");
    await mira.page.getByRole("button", { name: "Collection: all" }).click();
    await mira.page.getByRole("menuitemradio", { name: "Fares 2" }).click();
    assert.deepEqual(await mira.rows(), ["Adult: Price", "Bicycle: Price"]);
    await mira.page.getByRole("button", { name: "Collection: Fares" }).click();
    await mira.page.getByRole("menuitemradio", { name: /^All/ }).click();
    await mira.page.getByRole("button", { name: "Grouped by time" }).click();
    await mira.page.getByRole("menuitemradio", { name: "Group by collection" }).click();
    assert.deepEqual(await mira.page.locator(".group-name").allTextContents(), ["Fares 2", "Notices 1"]);
  });
});

describe("the page", () => {
  test("takes the token out of the address, shows it to nobody, and talks to its own server only", async () => {
    await conflictOfPrices("Bicycle");
    const mira = await open("mira");
    await mira.title("Price").waitFor();
    assert.doesNotMatch(mira.page.url(), /token|mira/);
    assert.equal(await mira.page.evaluate(() => history.length <= 2), true, "the address with the token is not kept");
    await mira.page.reload();
    await mira.title("Price").waitFor();
    await mira.press("2", "Enter");
    await mira.whenSent();
    assert.ok(mira.requests.length > 5);
    for (const address of mira.requests) {
      assert.equal(new URL(address).host, new URL(mira.origin).host, address);
      assert.doesNotMatch(address.replace(/#.*/, ""), /mira/);
    }
    assert.deepEqual(mira.errors, [], "nothing that its policy forbids was tried");
    const isKept = await mira.page.evaluate(() => [JSON.stringify(localStorage), document.cookie].join());
    assert.doesNotMatch(isKept, /mira/);
  });

  test("asks for a token, and says what is wrong with one", async () => {
    await conflictOfPrices("Bicycle");
    const inbox = await InboxPage.make(browser, world);
    windows.push(inbox);
    await inbox.page.goto(`${inbox.origin}/inbox/`);
    const field = inbox.page.getByLabel("Token");
    await field.fill("Nonsense!");
    await inbox.press("Enter");
    await inbox.page.getByRole("alert").getByText("The token cannot be verified.").waitFor();
    await field.fill("Bearer mira");
    await inbox.press("Enter");
    await inbox.title("Price").waitFor();
    await inbox.page.getByRole("button", { name: "You are Mira Solberg" }).click();
    await inbox.page.getByRole("menuitem", { name: "Sign out" }).click();
    await field.waitFor();
    await inbox.page.reload();
    await field.waitFor();
  });

  test("goes on with another token when the server no longer takes the first, and keeps what was decided", async () => {
    await conflictOfPrices("Bicycle");
    const mira = await open("mira");
    await mira.title("Price").waitFor();
    await mira.cut();
    await mira.press("2", "Enter");
    world.revoke("mira");
    mira.wire.mend();
    await mira.page.evaluate(() => dispatchEvent(new Event("online")));
    const dialog = mira.page.getByRole("dialog", { name: "Your token is no longer taken" });
    await dialog.getByText("1 change that was not sent is kept.").waitFor();
    await mira.press("Escape");
    await mira.page.getByRole("button", { name: "Bring a token" }).click();
    await dialog.getByLabel("Token").fill("noor");
    await mira.press("Enter");
    await dialog.getByRole("alert").getByText("This is a token of noor").waitFor();
    await dialog.getByLabel("Token").fill("mira.2");
    await mira.press("Enter");
    await dialog.waitFor({ state: "detached" });
    await mira.whenSent();
    const device = world.device("jonas");
    const [fare] = await device.fares.live(device.fares.all()).whenComplete();
    assert.equal(fare?.price, 15);
  });

  test("weighs little", async () => {
    const headers = { "accept-encoding": "br" };
    const page = await (await fetch(`${world.url}/inbox/`)).text();
    const files = [...page.matchAll(/(?:src|href)="\.\/([^"]+\.(?:js|css))"/g)].map(([, name = ""]) => name);
    assert.ok(files.length >= 2);
    let bytes = 0;
    for (const name of files) {
      const response = await fetch(`${world.url}/inbox/${name}`, { headers });
      bytes += Number(response.headers.get("content-length"));
    }
    assert.ok(bytes <= 150_000, `${bytes} bytes of scripts and styles`);
  });

  test("says so when somebody may look but not decide", async () => {
    await conflictOfPrices("Bicycle");
    const guest = await open("guest");
    await guest.title("Price").waitFor();
    await guest.press("2", "Enter");
    await guest.toast("You may not do this").getByText("Guests only look.").waitFor();
    await guest.row("Bicycle", "Price").waitFor();
    await guest.whenSent();
  });

  test("shows whatever people write as text", async () => {
    const markup = '<img src=x onerror="globalThis.hacked = true"><script>globalThis.hacked = true</script>';
    const long = `${"All ferries stop. ".repeat(3000)}The end.`;
    const turned = "\u202Egate \u2067north\u2069 ‮";
    const emoji = "👩‍🚀🏳️‍🌈é";
    await world.write("jonas", [
      create("notices", "markup", { title: markup, text: "before" }),
      create("notices", "long", { title: "Long", text: "before" }),
      create("notices", "turned", { title: `Turned ${turned}`, text: "مرحبا بالعالم" }),
      create("fares", "emoji", { name: emoji, price: 1, code: emoji }),
    ]);
    await world.conflict("notices", "markup", "text", [
      ["noor", markup],
      ["tomas", `</p></body>${markup}{{7*7}}\${7*7}`],
    ]);
    await world.conflict("notices", "long", "text", [
      ["noor", long],
      ["tomas", long.toUpperCase()],
    ]);
    await world.conflict("notices", "turned", "text", [
      ["noor", `مرحبا ${turned}`],
      ["tomas", turned],
    ]);
    await world.conflict("fares", "emoji", "code", [
      ["noor", `${emoji}${emoji}`],
      ["tomas", "\u0000\u0007"],
    ]);
    const mira = await open("mira");
    await mira.choose("<img", "Text");
    assert.ok((await mira.contender("Noor Haddad").locator(".contender-value").innerText()).includes(markup));
    await mira.press("e");
    await mira.press("Escape");
    await mira.choose("Long", "Text");
    const shown = mira.contender("Noor Haddad").locator(".contender-value");
    assert.ok((await shown.innerText()).length < 1500);
    await shown.getByRole("button", { name: "Show all 54,008 characters" }).click();
    await shown.getByText("The end.").waitFor();
    await mira.choose("Turned", "Text");
    const head = await mira.page.locator(".contender-name", { hasText: "Noor Haddad" }).innerText();
    assert.equal(head, "Noor Haddad", "what is turned around stays in its place");
    await mira.choose(emoji, "Code");
    await mira.press("1", "Enter");
    await mira.whenSent();
    assert.equal(await mira.page.locator("img, script:not([src])").count(), 0);
    assert.equal(await mira.page.evaluate(() => "hacked" in globalThis), false);
    assert.deepEqual(mira.errors, []);
  });

  test("can be read, by day and by night", async () => {
    await tellStory(world, Date.now());
    for (const colorScheme of ["light", "dark"]) {
      const mira = await open("mira", { colorScheme, reducedMotion: "reduce" });
      for (const [title, field] of [
        ["Storm on Friday", "Text"],
        ["Night boat", "Whole record"],
        ["Day ticket", "Price"],
      ] as const) {
        await mira.row(title, field).locator(".row-link").click();
        await mira.page.locator(".review-entity", { hasText: title }).waitFor();
        await mira.press("2");
        await mira.page.locator(".history li").first().waitFor();
        assert.deepEqual(await faintTexts(mira.page), [], `${title}, ${colorScheme}`);
      }
    }
  });

  test("works on a phone: one thing at a time, and the way back", async () => {
    await conflictOfPrices("Adult", "Bicycle");
    const phone = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true };
    const mira = await open("mira", phone);
    await mira.row("Adult", "Price").locator(".row-link").tap();
    await mira.title("Price").waitFor();
    assert.equal(await mira.page.locator(".queue").isVisible(), false);
    await mira.contender("Tomas Sand").tap();
    await mira.page.getByRole("button", { name: "Decide", exact: true }).tap();
    await mira.page.locator(".review-entity", { hasText: "Bicycle" }).waitFor();
    await mira.page.getByRole("button", { name: "Back to the list" }).tap();
    await mira.page.locator(".queue").waitFor();
    await mira.page.goForward().catch(() => null);
    const width = await mira.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 390, `${width} px wide`);
  });

  test("can be used without seeing it: names, states and places that the focus goes to", async () => {
    await conflictOfPrices("Adult", "Bicycle");
    const mira = await open("mira");
    await mira.choose("Adult", "Price");
    const group = mira.page.getByRole("radiogroup", { name: "The values" });
    await group.getByRole("radio", { name: "Noor Haddad" }).focus();
    await mira.press("ArrowDown");
    assert.ok(await group.getByRole("radio", { name: "Tomas Sand" }).isChecked());
    const described = await group.getByRole("radio", { name: "Tomas Sand" }).evaluate((radio) =>
      (radio.getAttribute("aria-describedby") ?? "")
        .split(" ")
        .map((id) => document.getElementById(id)?.textContent)
        .join(" "),
    );
    assert.match(described, /15.*Latest.*had not seen/);
    await mira.press("Enter");
    await mira.page.getByRole("status").getByText("Price becomes 15.", { exact: true }).waitFor({ state: "attached" });
    await until(
      () => mira.page.evaluate(() => document.activeElement?.textContent?.includes("Bicycle") ?? false),
      "the focus is on the next review",
    );
    const nameless = await mira.page.locator("button, a, input, textarea").evaluateAll((controls) =>
      controls
        .filter((control) => {
          const labels = (control as HTMLInputElement).labels;
          const name = control.getAttribute("aria-label") ?? control.textContent ?? "";
          return name.trim() === "" && (labels?.length ?? 0) === 0;
        })
        .map((control) => control.outerHTML.slice(0, 200)),
    );
    assert.deepEqual(nameless, []);
    await mira.press("?");
    const help = mira.page.getByRole("dialog", { name: "Deciding by keyboard" });
    await help.waitFor();
    await mira.press("2");
    await mira.press("Escape");
    await help.waitFor({ state: "detached" });
    assert.equal(
      await mira.page.getByRole("radio", { checked: true, name: "Tomas Sand" }).count(),
      0,
      "keys rest meanwhile",
    );
  });
});
