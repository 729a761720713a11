/**
 * Takes the pictures of the review inbox, `docs/images/inbox.png` and `inbox-dark.png`, from the real page on a morning's
 * worth of conflicts: `node --conditions=@tidelock/source scripts/inbox-pictures.ts`.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { launchBrowser } from "../tests/browser/board-page.ts";
import { InboxPage } from "../tests/browser/inbox-page.ts";
import { tellStory } from "../tests/browser/inbox-story.ts";
import { clock, InboxWorld } from "../tests/browser/inbox-world.ts";

const IMAGES = join(import.meta.dirname, "../docs/images");
const WINDOW = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1.5 };

/** A notice that two people rewrote; somebody else has it open as well. */
async function notice(browser: Browser, world: InboxWorld): Promise<Buffer> {
  const [mira, noor] = [
    await InboxPage.open(browser, world, "mira", WINDOW),
    await InboxPage.open(browser, world, "noor"),
  ];
  await noor.choose("Storm on Friday", "Text");
  await mira.choose("Holm – Sula", "Gate");
  await mira.press("a");
  await mira.page.getByRole("button", { name: "Assigned to You" }).waitFor();
  await mira.choose("Storm on Friday", "Text");
  await noor.press("n");
  await noor.page.keyboard.type("The harbour office asks for an answer before the radio news at six.");
  await noor.press("Enter");
  await mira.press("a");
  await mira.page.getByRole("button", { name: "Assigned to You" }).waitFor();
  await mira.page.getByText("before the radio news").first().waitFor();
  await mira.press("2");
  await mira.page.getByText("Noor Haddad looks at this, too").waitFor();
  const image = await shot(mira.page);
  await Promise.all([mira.close(), noor.close()]);
  return image;
}

/** A boat that three people want to leave at three times: a rule found that it should not decide. */
async function boat(browser: Browser, world: InboxWorld): Promise<Buffer> {
  const mira = await InboxPage.open(browser, world, "mira", { ...WINDOW, colorScheme: "dark" });
  await mira.choose("Holm – Sula", "Leaves at");
  await mira.page.locator(".queue-list").evaluate((list) => list.scrollTo(0, 0));
  await mira.press("3");
  const image = await shot(mira.page);
  await mira.close();
  return image;
}

async function shot(page: Page): Promise<Buffer> {
  await page.locator(".history li").first().waitFor();
  await page.mouse.move(640, 5);
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.evaluate(() =>
    Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))),
  );
  return page.screenshot({ animations: "disabled" });
}

clock.install();
const browser = await launchBrowser();
try {
  const world = await InboxWorld.start();
  await tellStory(world, Date.now());
  for (const [name, picture] of Object.entries({ "inbox": notice, "inbox-dark": boat })) {
    const image = await picture(browser, world);
    await writeFile(join(IMAGES, `${name}.png`), image);
    console.log(`${name}.png ${Math.round(image.length / 1024)} KB`);
  }
  await world.close();
} finally {
  await browser.close();
}
