/**
 * Takes the pictures of the documentation, `docs/images/*.png`, from the real board: `node --conditions=@tidelock/source
 * scripts/pictures.ts`, or with the names of some of them.
 */
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import type { Role } from "../apps/board/src/schema.ts";
import { BoardPage, launchBrowser, openProfile } from "../tests/browser/board-page.ts";
import { BoardServer } from "../tests/browser/board-server.ts";
import { framed } from "./demo/picture-frame.ts";

const IMAGES = join(import.meta.dirname, "../docs/images");

class Studio {
  readonly server: BoardServer;
  readonly browser: Browser;
  readonly #profiles: BrowserContext[] = [];

  constructor(server: BoardServer, browser: Browser) {
    this.server = server;
    this.browser = browser;
  }

  /** Somebody with a window of this size. */
  async enter(
    name: string,
    width: number,
    height: number,
    options: object = {},
    role: Role = "member",
  ): Promise<BoardPage> {
    const profile = await openProfile(this.browser, {
      viewport: { width, height },
      deviceScaleFactor: 1.5,
      locale: "en-US",
      ...options,
    });
    this.#profiles.push(profile);
    return BoardPage.enter(profile, this.server.url, name, role);
  }

  /** Everybody leaves. */
  async clear(): Promise<void> {
    await Promise.all(this.#profiles.splice(0).map((profile) => profile.close()));
  }
}

type Picture = (studio: Studio) => Promise<Buffer>;

const pictures: Readonly<Record<string, Picture>> = {
  async "board"(studio) {
    const size = [900, 700] as const;
    const ada = await studio.enter("Ada", ...size);
    const bruno = await studio.enter("Bruno", ...size);
    const [mira, jonas] = [await studio.enter("Mira", ...size), await studio.enter("Jonas", ...size)];
    await bruno.goOffline();
    await bruno.rename("Let groups share one booking", "One booking for a whole school class");
    await bruno
      .column("backlog")
      .getByText("Try passkeys for crew accounts")
      .dragTo(bruno.card("Dark mode for the bridge tablet"));
    await bruno.add("backlog", ["Ask the harbour about the new ramp"]);
    await bruno.whenPending(3);
    await pointAt(mira, "Refund a ticket without calling support", 0.62, 0.55);
    await jonas.openCard("Scanner misreads wet QR codes");
    await jonas.closeCard();
    await pointAt(jonas, "Move payments to the new provider", 0.45, 0.75);
    const noor = await studio.enter("Noor", ...size);
    await noor.openCard("Boarding works without signal");
    await ada.page.getByText("Noor is editing").waitFor();
    await ada.page.locator("[data-cursor=Jonas]:not(.is-away)").waitFor();
    await ada.page.mouse.move(5, 5);
    await bruno
      .column("todo")
      .locator("[data-list]")
      .evaluate((list) => list.scrollTo(0, 0));
    await bruno.page.mouse.move(5, 5);
    const windows = [
      { image: await shot(ada.page), caption: "Ada, in the office" },
      { image: await shot(bruno.page), caption: "Bruno, on the car deck, without signal" },
    ];
    return framed(studio.browser, windows, { width: 900, height: 700 });
  },

  async "dark"(studio) {
    const size = [1280, 760] as const;
    const ada = await studio.enter("Ada", ...size, { colorScheme: "dark" });
    const [mira, noor] = [await studio.enter("Mira", ...size), await studio.enter("Noor", ...size)];
    await pointAt(mira, "Load-test the first of July", 0.5, 0.4);
    await noor.openCard("Larger type in the timetable");
    await ada.page.getByText("Noor is editing").waitFor();
    await ada.page.locator("[data-cursor=Mira]:not(.is-away)").waitFor();
    await ada.page.mouse.move(5, 5);
    return shot(ada.page);
  },

  async "card"(studio) {
    const title = "Boarding works without signal";
    const ada = await studio.enter("Ada", 1280, 1000);
    const jonas = await studio.enter("Jonas", 1280, 1000);
    await jonas.openCard(title);
    await ada.goOffline();
    await ada.comment(title, "Written in the car deck. It gets its final id at the pier.");
    await ada.goOnline();
    await ada.whenLive();
    await ada.goOffline();
    await ada.comment(title, "And this one still has a temporary id.");
    await ada.openCard(title);
    await ada.page.mouse.move(5, 5);
    return shot(ada.page);
  },

  async "card-review"(studio) {
    const mira = await studio.enter("Mira", 1280, 860, {}, "lead");
    const noor = await studio.enter("Noor", 1280, 860);
    await noor.openCard("Seat map for the fast ferry");
    await mira.openCard("Seat map for the fast ferry");
    await mira.review.waitFor();
    await mira.dialog.getByText("Noor is here").waitFor();
    await mira.page.mouse.move(5, 5);
    return shot(mira.page);
  },

  async "history"(studio) {
    const ada = await studio.enter("Ada", 1280, 1000);
    const history = await ada.openHistory("Refund a ticket without calling support");
    await history.getByText("a lead's word goes first").waitFor();
    await ada.page.mouse.move(5, 5);
    return shot(ada.page);
  },

  async "outbox"(studio) {
    const ada = await studio.enter("Ada", 1280, 900);
    const long = "Tell passengers on the pier and on board about every delay of more than five minutes";
    await ada.assign("Rate limit for the price search", "Ada");
    await ada.card("Rate limit for the price search").getByRole("link").focus();
    await ada.page.keyboard.press("Alt+ArrowRight");
    await ada.page.locator('.sync-pill[data-state="rejected"]').waitFor();
    await ada.goOffline();
    await ada.add("backlog", [long]);
    await ada.openCard(long);
    await ada.addSteps(["Ask the bridge who decides"]);
    await ada.closeCard();
    await ada.goOnline();
    await ada.page.locator(".sync-pill", { hasText: "3 refused" }).waitFor();
    await ada.goOffline();
    await ada.openCard("Boarding works without signal");
    await ada.step("Dry run on the Sula with a full car deck").getByRole("checkbox").check();
    await ada.closeCard();
    await ada.add("todo", ["Ask the harbour about the new ramp"]);
    await ada.pill.click();
    await ada.outbox.getByText("The board at the pier").waitFor();
    return shot(ada.page);
  },

  async "mobile"(studio) {
    const phone = { hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
    const ada = await studio.enter("Ada", 400, 800, phone);
    const mira = await studio.enter("Mira", 400, 800, { ...phone, colorScheme: "dark" }, "lead");
    await ada.column("doing").evaluate((column) => void column.scrollIntoView({ inline: "start" }));
    await mira.openCard("Seat map for the fast ferry");
    await mira.review.waitFor();
    await ada.page.getByText("Mira is editing").waitFor();
    const screens = [
      { image: await shot(ada.page), caption: "" },
      { image: await shot(mira.page), caption: "" },
    ];
    return framed(studio.browser, screens, { width: 400, height: 800 });
  },
};

/** Moves somebody's pointer to a part of a card. */
async function pointAt(board: BoardPage, title: string, x: number, y: number): Promise<void> {
  await board.card(title).scrollIntoViewIfNeeded();
  const box = await board.card(title).boundingBox();
  if (box === null) throw new Error(`${title} cannot be seen`);
  await board.page.mouse.move(box.x + box.width * x, box.y + box.height * y, { steps: 4 });
}

async function shot(page: Page): Promise<Buffer> {
  await page.locator(".toast").evaluateAll((toasts) => toasts.forEach((toast) => toast.setAttribute("hidden", "")));
  await page.evaluate(() =>
    Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))),
  );
  return page.screenshot({ animations: "disabled" });
}

const wanted = process.argv.slice(2);
const { writeFile, mkdir } = await import("node:fs/promises");
await mkdir(IMAGES, { recursive: true });
const browser = await launchBrowser();
try {
  for (const [name, picture] of Object.entries(pictures)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const server = await BoardServer.start();
    const studio = new Studio(server, browser);
    try {
      const image = await picture(studio);
      await writeFile(join(IMAGES, `${name}.png`), image);
      console.log(`${name}.png ${Math.round(image.length / 1024)} KB`);
    } finally {
      await studio.clear();
      await server.remove();
    }
  }
} finally {
  await browser.close();
}
