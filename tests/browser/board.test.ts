/** The board, end to end: the real `npm start`, real browsers, and everything that goes wrong between them. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import type { Browser, BrowserContext } from "playwright-core";
import { BoardPage, type CardText, launchBrowser, openProfile, PATIENCE_MS } from "./board-page.ts";
import { BoardServer } from "./board-server.ts";

let server: BoardServer;
let browser: Browser;
let profiles: BrowserContext[] = [];

before(async () => {
  [server, browser] = await Promise.all([BoardServer.start(), launchBrowser()]);
});
after(async () => {
  await browser.close();
  await server.remove();
});
afterEach(async () => {
  await Promise.all(profiles.map((profile) => profile.close()));
  profiles = [];
});

/** Somebody with a browser of their own. */
async function enter(name: string, options: object = {}): Promise<BoardPage> {
  const profile = await openProfile(browser, options);
  profiles.push(profile);
  return BoardPage.enter(profile, server.url, name);
}

/** Waits until something is so. */
async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isSo())) assert.ok(Date.now() < deadline, `${what}, within ${PATIENCE_MS} ms`);
}

/** Waits until both windows show the same, and says what. */
async function agreement(one: BoardPage, other: BoardPage): Promise<CardText[]> {
  await Promise.all([one.whenLive(), other.whenLive()]);
  let shown: CardText[] = [];
  await until(async () => {
    const [first, second] = await Promise.all([one.texts(), other.texts()]);
    shown = first;
    return JSON.stringify(first) === JSON.stringify(second);
  }, "both windows show the same");
  return shown;
}

describe("two windows", () => {
  test("show what the other one does", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    await ada.rename("Let groups share one booking", "Group bookings");
    await bruno.card("Group bookings").waitFor();
    await bruno.assign("Group bookings", "Bruno");
    await ada.card("Group bookings").getByRole("img", { name: "Bruno" }).waitFor();
    await bruno.add("todo", ["Paint the pier"]);
    await ada.column("todo").getByText("Paint the pier").waitFor();
    await agreement(ada, bruno);
    assert.deepEqual([...ada.errors, ...bruno.errors], []);
  });

  test("show who is there, where they point, and what they edit", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    await ada.page.locator('[data-person="Bruno"]').waitFor();
    await bruno.page.locator('[data-person="Ada"]').waitFor();

    const target = bruno.card("Seat map for the fast ferry");
    await target.hover();
    const pointer = ada.page.locator('[data-cursor="Bruno"]:not(.is-away)');
    await pointer.waitFor();
    const card = await ada.card("Seat map for the fast ferry").boundingBox();
    assert.ok(card !== null);
    await until(async () => {
      const there = await pointer.boundingBox();
      if (there === null) return false;
      const [right, below] = [there.x - card.x, there.y - card.y];
      return right > 0 && right < card.width && below > 0 && below < card.height;
    }, "the pointer is over the same card");

    await bruno.openCard("Seat map for the fast ferry");
    await ada.card("Seat map for the fast ferry").getByText("Bruno is editing").waitFor();
    await bruno.closeCard();
    await ada.page.getByText("Bruno is editing").waitFor({ state: "detached" });

    await bruno.page.close();
    await ada.page.locator('[data-person="Bruno"]').waitFor({ state: "detached" });
    await ada.page.locator('[data-cursor="Bruno"]').waitFor({ state: "detached" });
  });
});

describe("a window that was offline", () => {
  test("brings its changes with it and gets the others': nothing is lost, one value wins", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    await ada.goOffline();
    await ada.rename("Write the texts for delays", "Texts for delays, by Ada");
    await ada.rename("Dark mode for the bridge tablet", "Bridge tablet, by Ada");
    await ada.add("backlog", ["Ada's idea"]);
    await ada.whenPending(3);
    await bruno.assign("Write the texts for delays", "Tomas");
    await bruno.rename("Dark mode for the bridge tablet", "Bridge tablet, by Bruno");
    await bruno.rename("Load-test the first of July", "Load-test, by Bruno");
    await bruno.whenLive();
    assert.equal(await bruno.page.getByText("by Ada").count(), 0, "Ada is really offline");
    assert.equal(await ada.page.getByText("by Bruno").count(), 0);

    await ada.goOnline();
    const cards = await agreement(ada, bruno);
    const both = cards.find(({ title }) => title === "Texts for delays, by Ada");
    assert.equal(both?.assignee, "Tomas", "changes of different fields are both kept");
    const titles = new Set(cards.map(({ title }) => title));
    assert.ok(titles.has("Bridge tablet, by Bruno"), "of one field, the later change wins");
    assert.ok(!titles.has("Bridge tablet, by Ada"));
    assert.ok(titles.has("Load-test, by Bruno") && titles.has("Ada's idea"));
    await ada.page.getByText("Bruno's “Bridge tablet, by Bruno” went before your “Bridge tablet, by Ada”").waitFor();
    await ada.page.getByRole("button", { name: "Bring mine back" }).click();
    await bruno.card("Bridge tablet, by Ada").waitFor();
  });

  test("wins where its change was the later one", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    await ada.goOffline();
    await bruno.rename("Larger type in the timetable", "Timetable, by Bruno");
    await bruno.whenLive();
    await ada.rename("Larger type in the timetable", "Timetable, by Ada");
    await ada.goOnline();
    const titles = (await agreement(ada, bruno)).map(({ title }) => title);
    assert.ok(titles.includes("Timetable, by Ada"));
    await ada.page.getByRole("button", { name: "Take theirs" }).waitFor();
  });

  test("keeps everything when it is reloaded", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    await ada.goOffline();
    await ada.rename("Bicycles count as half a car", "Bicycles count as a third");
    await ada.add("done", ["Painted the pier"]);
    await ada.comment("Painted the pier", "It is red.");
    const shown = await ada.texts();
    await ada.whenPending(3);

    await ada.page.reload();
    await ada.whenPending(3);
    await ada.card("Painted the pier").waitFor();
    assert.deepEqual(await ada.texts(), shown);
    assert.equal(await ada.page.getByRole("switch", { name: "Offline" }).isChecked(), true);
    await ada.pill.click();
    assert.equal(await ada.outbox.locator('[data-state="pending"]').count(), 3);

    await ada.goOnline();
    await agreement(ada, bruno);
    const dialog = await bruno.openCard("Painted the pier");
    await dialog.getByText("It is red.").waitFor();
    assert.equal(await dialog.locator('[data-comment^="tmp:"]').count(), 0, "the comment has its final id");
  });

  test("can be closed: another tab of the browser sends what it left behind", async () => {
    const ada = await enter("Ada");
    const bruno = await enter("Bruno");
    const second = await BoardPage.enter(ada.page.context(), server.url, "Ada's other tab");
    await ada.page.locator(`[data-person="Ada's other tab"]`).waitFor();
    await second.goOffline();
    await second.add("backlog", ["Left behind"]);
    await second.whenPending(1);
    await second.page.locator('[data-card][data-sync="pending"]').waitFor();
    await second.page.close();

    await ada.page.reload();
    await bruno.card("Left behind").waitFor();
    await ada.card("Left behind").waitFor();
  });
});

describe("a server that", () => {
  test("is killed with changes on the way has all that it had acknowledged", async () => {
    const ada = await enter("Ada");
    const titles = Array.from({ length: 80 }, (_, index) => `Plank ${index + 1}`);
    const adding = ada.add("backlog", titles);
    const plank = (title: string): boolean => title.startsWith("Plank ");
    let acknowledged: string[] = [];
    while (acknowledged.length < 20) acknowledged = (await ada.syncedTitles()).filter(plank);
    await server.kill();
    await adding;
    await ada.card("Plank 80").waitFor();
    assert.notEqual(await ada.pill.getAttribute("data-pending"), "0", "some were not acknowledged");

    await server.start();
    const kept = new Set((await server.tasks()).map(({ title }) => title));
    assert.deepEqual(
      acknowledged.filter((title) => !kept.has(title)),
      [],
    );
    await ada.whenLive();
    const all = (await server.tasks()).map(({ title }) => String(title)).filter(plank);
    assert.deepEqual(all.toSorted(), titles.toSorted(), "each is there once");
  });

  test("is away is not needed to open the board and to write", async () => {
    const ada = await enter("Ada");
    await ada.page.evaluate(() => navigator.serviceWorker.ready.then(({ active }) => active?.state));
    await server.kill();
    await ada.page.reload();
    await ada.card("Tide warnings for the northern piers").waitFor();
    await ada.rename("Tide warnings for the northern piers", "Tide warnings everywhere");
    await ada.page.reload();
    await ada.card("Tide warnings everywhere").waitFor();
    await ada.whenPending(1);
    await server.start();
    await ada.whenLive();
    assert.ok((await server.tasks()).some(({ title }) => title === "Tide warnings everywhere"));
  });

  test("refuses a change says why, and the change waits for a decision", async () => {
    const ada = await enter("Ada");
    const title = "Rate limit for the price search";
    await ada.assign(title, "Ada");
    await ada.card(title).getByRole("link").focus();
    await ada.page.keyboard.press("Alt+ArrowRight");
    await ada.page.locator('.sync-pill[data-state="rejected"]').waitFor();
    await ada.column("review").getByText(title).waitFor();
    await ada.pill.click();
    await ada.outbox.getByText("somebody other than Ada has to move this card to Done").waitFor();
    await ada.outbox.getByRole("button", { name: "Discard" }).click();
    await ada.whenLive();
    assert.equal(await ada.pill.getAttribute("data-state"), "synced");
  });

  test("is asked to stop ends well, and starts with the same data", async () => {
    const before = (await server.tasks()).map(({ id }) => id).toSorted();
    assert.equal(await server.stop(), 0);
    await server.start();
    assert.deepEqual((await server.tasks()).map(({ id }) => id).toSorted(), before);
  });
});

describe("cards are moved", () => {
  test("by mouse, within a column and between columns", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    const card = "Scanner misreads wet QR codes";
    await ada.card(card).dragTo(ada.card("Announce gate changes on the watch"), { targetPosition: { x: 60, y: 8 } });
    await bruno.column("review").getByText(card).waitFor();
    const order = (await agreement(ada, bruno)).filter(({ column }) => column === "review").map(({ title }) => title);
    assert.equal(order.indexOf(card) + 1, order.indexOf("Announce gate changes on the watch"));

    const [first = ""] = order;
    await ada.card(card).dragTo(ada.card(first), { targetPosition: { x: 60, y: 8 } });
    await bruno.column("review").locator("[data-card]").first().getByText(card).waitFor();
    await agreement(ada, bruno);
  });

  test("by keyboard, with the focus staying on the card", async () => {
    const ada = await enter("Ada");
    const card = "Seat map for the fast ferry";
    await ada.card(card).getByRole("link").focus();
    for (const [key, column] of [
      ["Alt+ArrowLeft", "todo"],
      ["Alt+ArrowLeft", "backlog"],
      ["Alt+ArrowRight", "todo"],
    ] as const) {
      await ada.page.keyboard.press(key);
      await ada.column(column).getByText(card).waitFor();
      await ada.page.waitForFunction((title) => document.activeElement?.textContent === title, card);
    }
    await ada.page.keyboard.press("Alt+ArrowUp");
    await ada.page.waitForFunction((title) => document.activeElement?.textContent === title, card);
    await ada.page.keyboard.press("Enter");
    await ada.page.locator("dialog[open].card-dialog").waitFor();
  });

  test("by finger, with the card's menu", async () => {
    const ada = await enter("Ada", { viewport: { width: 400, height: 800 }, hasTouch: true, isMobile: true });
    const card = ada.card("Move payments to the new provider");
    // Where the columns come to rest after a swipe.
    await ada.column("doing").evaluate((column) => void column.scrollIntoView({ inline: "start" }));
    await card.getByRole("button", { name: /^Actions/ }).tap();
    await ada.page.getByRole("menuitemradio", { name: "Review" }).tap();
    await ada.column("review").getByText("Move payments to the new provider").waitFor();
    const width = await ada.page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(width, 400, "nothing is wider than the screen");
  });
});
