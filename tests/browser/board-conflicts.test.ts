/** Conflicts on the board, end to end: what two people write to one card without having seen each other's. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, describe, test } from "node:test";
import type { Browser, BrowserContext } from "playwright-core";
import type { Role } from "../../apps/board/src/schema.ts";
import { BoardPage, launchBrowser, openProfile, PATIENCE_MS } from "./board-page.ts";
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
async function enter(name: string, role: Role = "member"): Promise<BoardPage> {
  const profile = await openProfile(browser, { acceptDownloads: true, locale: "en-US" });
  profiles.push(profile);
  return BoardPage.enter(profile, server.url, name, role);
}

/** Waits until something is so. */
async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isSo())) assert.ok(Date.now() < deadline, `${what}, within ${PATIENCE_MS} ms`);
}

describe("a due date that two people changed offline", () => {
  const card = "Write the texts for delays";

  test("waits on every screen until a lead decides; then all have the decision and its history", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    const tilda = await enter("Tilda", "lead");
    const all = [ada, bruno, tilda];
    await Promise.all([ada.goOffline(), bruno.goOffline()]);
    await ada.setDue(card, "2031-03-05");
    await bruno.setDue(card, "2031-03-09");
    for (const board of [ada, bruno]) {
      await board.whenPending(1);
      await board.goOnline();
      await board.whenLive();
    }

    for (const board of all) await board.reviewMark(card).getByText("2 dates wait for a decision").waitFor();
    await bruno.notices.getByText("Ada chose Mar 5, you chose Mar 9. A lead decides.").waitFor();
    await ada.openCard(card);
    await ada.review.getByText("A lead decides.").waitFor();
    assert.equal(await ada.review.getByRole("button", { name: /Mar/ }).count(), 0, "members only look on");
    assert.deepEqual(
      await ada.review.locator(".candidate-value").allTextContents(),
      await (async () => {
        await tilda.openCard(card);
        return tilda.review.locator(".candidate-value").allTextContents();
      })(),
    );

    await tilda.review.getByRole("button", { name: /^Choose .*Mar 9, by Bruno$/ }).click();
    for (const board of all) {
      await board.reviewMark(card).waitFor({ state: "detached" });
      await board.card(card).locator('time[datetime^="2031-03-09"]').waitFor();
    }
    await ada.notices.getByText("Tilda has decided").waitFor();
    await ada.notices.getByText("Yours was Mar 5.").waitFor();
    await (await history(tilda)).getByText("For Bruno's Mar 9, not for Ada's Mar 5.").waitFor();
    await (await history(ada)).getByText("For Bruno's Mar 9, not for your Mar 5.").waitFor();
    await (await bruno.openHistory(card)).getByText("For your Mar 9, not for Ada's Mar 5.").waitFor();
    await ada.dialog.getByText("Tilda decided for Bruno's Mar 9").first().waitFor();
    assert.deepEqual(
      all.flatMap(({ errors }) => errors),
      [],
    );
  });

  /** That of the open card. */
  async function history(board: BoardPage): Promise<ReturnType<BoardPage["page"]["locator"]>> {
    await board.dialog.getByRole("tab", { name: "History" }).click();
    return board.dialog.getByRole("tabpanel");
  }

  test("is decided once: who comes second is told who was first, and how", async () => {
    const [tilda, ivo] = [await enter("Tilda", "lead"), await enter("Ivo", "lead")];
    const seats = "Seat map for the fast ferry";
    await Promise.all([tilda.reviewMark(seats).waitFor(), ivo.reviewMark(seats).waitFor()]);
    await ivo.goOffline();
    await ivo.openCard(seats);
    await ivo.review.getByRole("button", { name: /by Noor$/ }).click();
    await ivo.review.waitFor({ state: "detached" });
    await ivo.closeCard();
    await tilda.openCard(seats);
    await tilda.review.getByLabel("Another due date").fill("2031-04-01");
    await tilda.review.getByRole("button", { name: "Decide" }).click();
    await tilda.review.waitFor({ state: "detached" });
    await tilda.closeCard();
    await tilda.whenLive();

    await ivo.goOnline();
    await ivo.notices.getByText(/^Your decision on “Seat map.* does not count$/).waitFor();
    for (const board of [tilda, ivo]) await board.card(seats).locator('time[datetime^="2031-04-01"]').waitFor();
    await ivo.pill.click();
    await ivo.outbox.getByText("Tilda was first, and decided for Apr 1").waitFor();
    await ivo.outbox.getByRole("button", { name: "Discard" }).click();
    await ivo.whenLive();
  });

  test("is in the review inbox as well, which opens as the same person", async () => {
    const tilda = await enter("Tilda", "lead");
    const other = await enter("Ada");
    const card = "Larger type in the timetable";
    await tilda.goOffline();
    await tilda.setDue(card, "2031-06-02");
    await other.setDue(card, "2031-06-03");
    await other.whenLive();
    await tilda.goOnline();
    await tilda.reviewMark(card).waitFor();
    await tilda.page.getByRole("button", { name: /decisions? waits?$/ }).click();
    await tilda.page.getByRole("menuitem", { name: "Open the inbox" }).click();
    await tilda.page.waitForURL(/\/inbox\//);
    await tilda.page.getByText(card).first().waitFor();
    assert.equal(new URL(tilda.page.url()).hash.includes("token"), false, "the token is out of the address");
  });

  test("can be decided by whoever becomes a lead", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    const test = "Load-test the first of July";
    await ada.goOffline();
    await ada.setDue(test, "2031-05-02");
    await bruno.setDue(test, "2031-05-03");
    await bruno.whenLive();
    await ada.goOnline();
    await ada.reviewMark(test).waitFor();
    await ada.openCard(test);
    await ada.review.getByRole("button", { name: "Change your role" }).click();
    await ada.page.locator('input[name="role"][value="lead"]').check();
    await ada.page.getByRole("button", { name: "Save" }).click();
    await ada.review.getByRole("button", { name: /^Choose .*May 2/ }).click();
    await bruno.card(test).locator('time[datetime^="2031-05-02"]').waitFor();
  });
});

describe("a checklist", () => {
  test("has what two people did to it offline, all of it, in one order for both", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    const card = "Scanner misreads wet QR codes";
    await Promise.all([ada.goOffline(), bruno.goOffline()]);
    await ada.openCard(card);
    await ada.addSteps(["Ask the maker", "Try a hood"]);
    await ada.step("Scan 50 wet codes in a row").getByRole("checkbox").check();
    await bruno.openCard(card);
    await bruno.addSteps(["Measure the glare"]);
    await bruno.step("Order matte film").getByRole("textbox").fill("Order matte film, ten sheets");
    await bruno.step("Order matte film").getByRole("textbox").press("Enter");
    await bruno.step("Order matte film, ten sheets").waitFor();
    await bruno.step("Scan 50 wet codes in a row").getByRole("textbox").press("Alt+ArrowUp");
    await bruno
      .step("Reproduce it with a spray bottle")
      .getByRole("button", { name: /^Remove/ })
      .click();
    for (const board of [ada, bruno]) {
      await board.closeCard();
      await board.goOnline();
      await board.whenLive();
      await board.openCard(card);
    }
    let steps: string[] = [];
    await until(async () => {
      steps = await ada.steps();
      return steps.length === 5 && JSON.stringify(steps) === JSON.stringify(await bruno.steps());
    }, "both have the same five items");
    assert.deepEqual(steps.slice(0, 2), ["x Scan 50 wet codes in a row", "x Order matte film, ten sheets"]);
    assert.deepEqual(steps.slice(2).toSorted(), ["Ask the maker", "Measure the glare", "Try a hood"]);
    assert.equal(steps.indexOf("Ask the maker") + 1, steps.indexOf("Try a hood"), "what was added together stays so");
    await ada.card(card).getByText("2 of 5 checklist items done").waitFor();
  });

  test("is sorted by mouse and written by keyboard", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    const card = "Announce gate changes on the watch";
    await ada.openCard(card);
    const field = ada.dialog.getByRole("textbox", { name: "Add an item" });
    await field.focus();
    for (const text of ["One", "Two", "Three"]) {
      await ada.page.keyboard.type(text);
      await ada.page.keyboard.press("Enter");
    }
    await ada.step("Three").waitFor();
    await ada.page.keyboard.press("ArrowUp");
    await ada.page.keyboard.press("Control+Enter");
    await ada.page.keyboard.press("Alt+ArrowUp");
    await until(async () => (await ada.steps()).join() === "One,x Three,Two", "the last one is done and moved up");
    assert.equal(await ada.page.evaluate(() => document.activeElement?.closest("[data-step]")?.textContent), "Three");
    await ada
      .step("Two")
      .getByRole("button", { name: /^Move/ })
      .dragTo(ada.step("One"), { targetPosition: { x: 9, y: 2 } });
    await until(async () => (await ada.steps()).join() === "Two,One,x Three", "it was dropped ahead of all");
    await bruno.openCard(card);
    await until(async () => (await bruno.steps()).join() === "Two,One,x Three", "everybody has that order");
    await ada
      .step("One")
      .getByRole("button", { name: /^Remove/ })
      .click();
    await ada.notices.getByRole("button", { name: "Undo" }).click();
    await until(
      async () => (await bruno.steps()).join() === "Two,One,x Three",
      "what was removed is back in its place",
    );
  });
});

describe("a priority", () => {
  test("is what the lead said, although the member was later; the member is told, after a reload as well", async () => {
    const [tilda, ada] = [await enter("Tilda", "lead"), await enter("Ada")];
    const card = "Dark mode for the bridge tablet";
    await ada.goOffline();
    await tilda.setPriority(card, "Urgent");
    await tilda.whenLive();
    await ada.setPriority(card, "Low");
    await ada.whenPending(1);
    await ada.page.reload();
    await ada.whenPending(1);
    await ada.goOnline();
    await ada.whenLive();
    await ada.notices.getByText(`“${card}”: priority`).waitFor();
    await ada.notices.getByText("Tilda's “Urgent” went before your “Low”, because a lead's word goes first.").waitFor();
    for (const board of [tilda, ada]) await board.card(card).getByTitle("Urgent priority").waitFor();
    await ada.notices.getByRole("button", { name: "Dismiss" }).first().focus();

    await ada.notices.getByRole("button", { name: "Bring mine back" }).click();
    for (const board of [tilda, ada]) await board.card(card).getByTitle("Low priority").waitFor();
  });
});

describe("a value that was overwritten", () => {
  test("can be brought back from the history", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    const card = "Larger type in the timetable";
    const notes = (board: BoardPage): Promise<string> =>
      board.dialog.getByRole("textbox", { name: "Notes" }).inputValue();
    await ada.goOffline();
    await ada.openCard(card);
    await ada.dialog.getByLabel("Notes").fill("As large as Ada says.");
    await ada.closeCard();
    await bruno.openCard(card);
    await bruno.dialog.getByLabel("Notes").fill("As large as Bruno says.");
    await bruno.closeCard();
    await bruno.whenLive();
    await ada.goOnline();
    await ada.whenLive();
    const history = await bruno.openHistory(card);
    await history.getByText(/“As large as Bruno says\.” went before .*because it was written later/).waitFor();
    await until(async () => (await notes(bruno)) === "As large as Bruno says.", "the later one stands");
    await history.getByRole("button", { name: "Bring the notes “As large as Ada says.” back" }).click();
    await ada.openCard(card);
    for (const board of [ada, bruno])
      await until(async () => (await notes(board)) === "As large as Ada says.", "the other one is back");
    await history.getByText("You rewrote the notes").first().waitFor();
  });

  test("needs a connection to be read of", async () => {
    const ada = await enter("Ada");
    await ada.goOffline();
    const card = "Refund a ticket without calling support";
    const history = await ada.openHistory(card);
    await history.getByText("You are offline.").waitFor();
    assert.equal(await history.locator("[data-history]").count(), 0);
    await ada.closeCard();
    await ada.goOnline();
    await ada.whenLive();
    const read = await ada.openHistory(card);
    await read.getByText("Mira's “High” went before Jonas's “Low”, because a lead's word goes first.").waitFor();
    await read.getByText(/^For Tomas's .*, not for Noor's/).waitFor();
  });
});

describe("a card", () => {
  test("is not closed while its checklist is open, neither here nor where others have added to it", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    const card = "Rate limit for the price search";
    await ada.openCard(card);
    await ada.addSteps(["Measure"]);
    await ada.closeCard();
    await ada.card(card).getByRole("link").focus();
    await ada.page.keyboard.press("Alt+ArrowRight");
    await ada.notices.getByText("1 of 1 checklist items is still open.").waitFor();
    await ada.column("review").getByText(card).waitFor();
    assert.equal(await ada.pill.getAttribute("data-state"), "synced", "nothing waits");

    await bruno.card(card).getByText("0 of 1 checklist items done").waitFor();
    await ada.goOffline();
    await ada.openCard(card);
    await ada.step("Measure").getByRole("checkbox").check();
    await ada.closeCard();
    await ada.card(card).getByRole("link").focus();
    await ada.page.keyboard.press("Alt+ArrowRight");
    await ada.column("done").getByText(card).waitFor();
    await bruno.openCard(card);
    await bruno.addSteps(["Warn before refusing"]);
    await bruno.closeCard();
    await bruno.whenLive();

    await ada.goOnline();
    await ada.notices.getByText(`“${card}” is back in Review`).waitFor();
    await ada.notices.getByText("1 of 2 checklist items is still open").waitFor();
    await ada.column("review").getByText(card).waitFor();
    await ada.pill.click();
    await ada.outbox.getByText("1 of 2 checklist items is still open").waitFor();
    await bruno.openCard(card);
    await bruno.step("Warn before refusing").getByRole("checkbox").check();
    await bruno.closeCard();
    await ada.card(card).getByText("2 of 2 checklist items done").waitFor();
    await ada.outbox.getByRole("button", { name: "Try again" }).click();
    for (const board of [ada, bruno]) await board.column("done").getByText(card).waitFor();
    await ada.whenLive();
  });

  test("that is refused keeps what belongs to it, can be saved as a file, and goes through once it is mended", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    const long = `A title ${"that goes on and on ".repeat(5)}`.trim();
    await ada.goOffline();
    await ada.add("backlog", [long]);
    await ada.openCard(long);
    await ada.addSteps(["Belongs to it"]);
    await ada.dialog.getByRole("textbox", { name: "Write a comment" }).fill("And this");
    await ada.page.keyboard.press("Enter");
    await ada.closeCard();
    await ada.whenPending(3);
    await ada.goOnline();
    await ada.pill.click();
    const refused = ada.outbox.locator('[data-state="rejected"]');
    await refused.getByText("The board at the pier shows 80 characters").waitFor();
    await refused.locator('[data-state="dependent"]').getByText("Added “Belongs to it” to the checklist").waitFor();

    const [download] = await Promise.all([
      ada.page.waitForEvent("download"),
      ada.outbox.getByRole("button", { name: /as a file/ }).click(),
    ]);
    const work = JSON.parse(await readFile(await download.path(), "utf8")) as { rejected: unknown[] };
    assert.equal(work.rejected.length, await refused.locator(".outbox-change").count());

    await refused.getByRole("button", { name: "Edit" }).click();
    await refused.getByLabel("Title").fill("A title that fits");
    await refused.getByRole("button", { name: "Send" }).click();
    await bruno.card("A title that fits").waitFor();
    const dialog = await bruno.openCard("A title that fits");
    await bruno.step("Belongs to it").waitFor();
    await dialog.getByText("And this").waitFor();
    await ada.whenLive();
    assert.equal(await ada.pill.getAttribute("data-state"), "synced");
  });

  test("counts every time that it was asked for", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    const card = "Let groups share one booking";
    for (const board of [ada, bruno]) {
      await board.goOffline();
      const dialog = await board.openCard(card);
      for (let time = 0; time < 3; time++) await dialog.getByRole("button", { name: "Once more" }).click();
      await dialog.getByText("26 times").waitFor();
      await board.closeCard();
    }
    for (const board of [ada, bruno]) await board.goOnline();
    for (const board of [ada, bruno]) await board.card(card).getByTitle("Passengers asked for it 29 times").waitFor();
  });

  test("has the labels that two people added and removed", async () => {
    const [ada, bruno] = [await enter("Ada"), await enter("Bruno")];
    const card = "Try passkeys for crew accounts";
    const label = async (board: BoardPage, text: string): Promise<void> => {
      await board.dialog.getByRole("combobox", { name: "Add a label" }).fill(text);
      await board.page.keyboard.press("Enter");
    };
    await Promise.all([ada.goOffline(), bruno.goOffline()]);
    await ada.openCard(card);
    await label(ada, "crew");
    await ada.dialog.getByRole("button", { name: "Remove the label security" }).click();
    await ada.closeCard();
    await bruno.openCard(card);
    await label(bruno, "phones");
    await bruno.closeCard();
    await ada.goOnline();
    await bruno.goOnline();
    for (const board of [ada, bruno]) {
      await until(async () => {
        const found = (await board.texts()).find(({ title }) => title === card);
        return found?.labels.join() === "crew,phones";
      }, "both have both labels");
    }
  });
});
