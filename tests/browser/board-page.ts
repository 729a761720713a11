/** The board as its user sees it: one window, driven by what is on the screen. */
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import type { Role } from "../../apps/board/src/schema.ts";
import { findChromium } from "../../scripts/setup-system.ts";

const FLAGS = [
  ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
  ["--disable-background-networking", "--disable-component-update"],
].flat();

/** How long anything may take; what is waited for usually takes some milliseconds. */
export const PATIENCE_MS = 15_000;

export function launchBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("there is no Chromium: run `node scripts/setup-system.ts`");
  return chromium.launch({ executablePath, args: FLAGS });
}

/** A browser profile of its own. */
export async function openProfile(browser: Browser, options: object = {}): Promise<BrowserContext> {
  const profile = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  profile.setDefaultTimeout(PATIENCE_MS);
  return profile;
}

/** What a card says. */
export interface CardText {
  readonly column: string;
  readonly title: string;
  readonly labels: readonly string[];
  readonly assignee: string | null;
}

export class BoardPage {
  readonly page: Page;
  /** Errors that nobody caught. */
  readonly errors: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.errors.push(String(error)));
  }

  /** A new window in which somebody sits who is not known yet. */
  static async enter(profile: BrowserContext, url: string, name: string, role: Role = "member"): Promise<BoardPage> {
    const board = new BoardPage(await profile.newPage());
    await board.page.goto(url);
    await board.page.getByRole("textbox", { name: "Name" }).fill(name);
    await board.page.locator(`input[name="role"][value="${role}"]`).check();
    await board.page.getByRole("button", { name: "Open the board" }).click();
    await board.whenLive();
    return board;
  }

  card(title: string): Locator {
    return this.page
      .locator(".board [data-card]")
      .filter({ has: this.page.getByRole("link", { name: title, exact: true }) });
  }
  column(status: string): Locator {
    return this.page.locator(`[data-column="${status}"]`);
  }
  get pill(): Locator {
    return this.page.locator(".sync-pill");
  }
  get outbox(): Locator {
    return this.page.getByRole("complementary", { name: "Outbox" });
  }
  /** The open card. */
  get dialog(): Locator {
    return this.page.locator("dialog[open].card-dialog");
  }
  get notices(): Locator {
    return this.page.getByRole("status", { name: "Notices" });
  }
  /** The decision that the open card waits for. */
  get review(): Locator {
    return this.dialog.locator(".review-panel");
  }
  /** What a card says while two due dates wait for a decision. */
  reviewMark(title: string): Locator {
    return this.card(title).locator(".due.is-in-review");
  }
  /** An item of the open card's checklist. */
  step(text: string): Locator {
    return this.dialog
      .locator("[data-step]")
      .filter({ has: this.page.getByRole("checkbox", { name: text, exact: true }) });
  }

  /** Connected, and nothing is unsent. */
  async whenLive(): Promise<void> {
    await this.page.locator('.sync-pill[data-phase="connected"][data-pending="0"]').waitFor();
    await this.page.locator(".board [data-card]").first().waitFor();
  }

  async whenPending(count: number): Promise<void> {
    await this.page.locator(`.sync-pill[data-pending="${count}"]`).waitFor();
  }

  /** The tab's switch. */
  async goOffline(): Promise<void> {
    await this.page.getByRole("switch", { name: "Offline" }).check();
    await this.page.locator('.sync-pill[data-phase="offline"]').waitFor();
  }
  async goOnline(): Promise<void> {
    await this.page.getByRole("switch", { name: "Offline" }).uncheck();
  }

  async rename(title: string, next: string): Promise<void> {
    await this.card(title).getByRole("link").focus();
    await this.page.keyboard.press("e");
    await this.page.getByRole("textbox", { name: "Title" }).fill(next);
    await this.page.keyboard.press("Enter");
    await this.card(next).waitFor();
  }

  async openCard(title: string): Promise<Locator> {
    await this.card(title).getByRole("link").click();
    await this.dialog.waitFor();
    return this.dialog;
  }
  async closeCard(): Promise<void> {
    await this.page.keyboard.press("Escape");
    await this.page.locator("dialog[open]").waitFor({ state: "detached" });
  }

  async assign(title: string, name: string): Promise<void> {
    const dialog = await this.openCard(title);
    await dialog.getByRole("button", { name: /^Assignee/ }).click();
    await dialog.getByRole("menuitemradio", { name, exact: true }).click();
    await dialog.getByRole("button", { name: `Assignee: ${name}` }).waitFor();
    await this.closeCard();
  }

  /** @param day such as `2031-03-05` */
  async setDue(title: string, day: string): Promise<void> {
    const dialog = await this.openCard(title);
    await dialog.getByLabel("Due", { exact: true }).fill(day);
    await this.closeCard();
  }

  async setPriority(title: string, name: string): Promise<void> {
    const dialog = await this.openCard(title);
    await dialog.getByRole("button", { name: /^Priority/ }).click();
    await dialog.getByRole("menuitemradio", { name, exact: true }).click();
    await dialog.getByRole("button", { name: `Priority: ${name}` }).waitFor();
    await this.closeCard();
  }

  /** Adds items to the checklist of the open card. */
  async addSteps(texts: readonly string[]): Promise<void> {
    const field = this.dialog.getByRole("textbox", { name: "Add an item" });
    for (const text of texts) {
      await field.fill(text);
      await field.press("Enter");
      await this.step(text).waitFor();
    }
  }

  /** The checklist of the open card: what is done begins with `x `. */
  steps(): Promise<string[]> {
    return this.dialog
      .locator("[data-step]")
      .evaluateAll((items) =>
        items.map((item) => `${item.dataset["done"] === "true" ? "x " : ""}${item.querySelector("textarea")?.value}`),
      );
  }

  async openHistory(title: string): Promise<Locator> {
    const dialog = await this.openCard(title);
    await dialog.getByRole("tab", { name: "History" }).click();
    return dialog.getByRole("tabpanel");
  }

  async comment(title: string, text: string): Promise<void> {
    const dialog = await this.openCard(title);
    await dialog.getByRole("textbox", { name: "Write a comment" }).fill(text);
    await this.page.keyboard.press("Enter");
    await dialog.getByText(text, { exact: true }).waitFor();
    await this.closeCard();
  }

  /** Adds cards to a column, one after the other. */
  async add(status: string, titles: readonly string[]): Promise<void> {
    await this.column(status).getByRole("button", { name: "Add a card", exact: true }).click();
    const field = this.column(status).getByRole("textbox", { name: /^New card/ });
    for (const title of titles) {
      await field.fill(title);
      await field.press("Enter");
    }
    await field.press("Escape");
  }

  /** Everything on the board, column by column, as text. */
  texts(): Promise<CardText[]> {
    return this.page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>(".board [data-card]")].map((card) => ({
        column: card.closest<HTMLElement>("[data-column]")?.dataset["column"] ?? "",
        title: card.querySelector("[data-card-link]")?.textContent ?? "",
        labels: [...card.querySelectorAll(".label")].map(({ textContent }) => textContent ?? ""),
        assignee: card.querySelector(".card-end .avatar")?.getAttribute("title") ?? null,
      })),
    );
  }

  /** Titles of the cards that are marked as synced. */
  async syncedTitles(): Promise<string[]> {
    return this.page.locator('.board [data-card][data-sync="synced"] [data-card-link]').allTextContents();
  }
}
