/** The inbox as its user sees it: one window behind a wire of its own, driven by keys and by what is on the screen. */
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { openProfile } from "./board-page.ts";
import type { InboxWorld } from "./inbox-world.ts";
import { Wire } from "./wire.ts";

export class InboxPage {
  readonly page: Page;
  readonly wire: Wire;
  /** Errors that nobody caught, and everything that the page's policy forbade. */
  readonly errors: string[] = [];
  /** Every address that was asked for. */
  readonly requests: string[] = [];
  readonly #profile: BrowserContext;

  private constructor(profile: BrowserContext, page: Page, wire: Wire) {
    this.#profile = profile;
    this.page = page;
    this.wire = wire;
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => {
      if (/Content Security Policy|TrustedScript|TrustedHTML/.test(message.text())) this.errors.push(message.text());
    });
    page.on("request", (request) => this.requests.push(request.url()));
    page.on("websocket", (socket) => this.requests.push(socket.url()));
  }

  /** A window that is not at any address yet. */
  static async make(browser: Browser, world: InboxWorld, options: object = {}): Promise<InboxPage> {
    const [profile, wire] = await Promise.all([openProfile(browser, options), Wire.to(world.port)]);
    return new InboxPage(profile, await profile.newPage(), wire);
  }

  /** Somebody has followed a link to the inbox. */
  static async open(browser: Browser, world: InboxWorld, user: string, options: object = {}): Promise<InboxPage> {
    const inbox = await InboxPage.make(browser, world, options);
    await inbox.page.goto(inbox.address(user));
    await inbox.page.locator('.sync-pill[data-phase="connected"]').waitFor();
    return inbox;
  }

  get origin(): string {
    return `http://localhost:${this.wire.port}`;
  }
  address(token: string): string {
    return `${this.origin}/inbox/#token=${token}`;
  }

  /** The rows of the list, from top to bottom: title and field. */
  async rows(): Promise<string[]> {
    return this.page.locator(".row").evaluateAll((rows) =>
      rows.map((row) => {
        const text = (name: string): string => row.querySelector(name)?.textContent ?? "";
        return `${text(".row-title")}: ${text(".row-field")}`;
      }),
    );
  }
  row(title: string, field: string): Locator {
    return this.page
      .locator(".row")
      .filter({ has: this.page.locator(".row-title", { hasText: title }) })
      .filter({ has: this.page.locator(".row-field", { hasText: field }) });
  }

  /** Opens a review and waits for it. */
  async choose(title: string, field: string): Promise<void> {
    await this.row(title, field).locator(".row-link").click();
    await this.title(field).waitFor();
  }
  title(field: string): Locator {
    return this.page.getByRole("heading", { level: 2, name: field });
  }
  /** The value of somebody. */
  contender(name: string): Locator {
    return this.page
      .locator("[data-candidate]")
      .filter({ has: this.page.locator(".contender-name", { hasText: name }) });
  }
  get words(): Locator {
    return this.page.locator(".decide-words");
  }
  get outcome(): Locator {
    return this.page.locator(".outcome");
  }
  toast(text: string | RegExp): Locator {
    return this.page.locator(".toast").filter({ hasText: text });
  }

  press(...keys: readonly string[]): Promise<void> {
    return keys.reduce((before, key) => before.then(() => this.page.keyboard.press(key)), Promise.resolve());
  }

  async whenSent(): Promise<void> {
    await this.page.locator('.sync-pill[data-phase="connected"][data-pending="0"]').waitFor();
  }

  async cut(): Promise<void> {
    this.wire.cut();
    await this.page.getByText("No connection.").waitFor();
  }
  async mend(): Promise<void> {
    this.wire.mend();
    await this.page.evaluate(() => dispatchEvent(new Event("online")));
    await this.page.locator('.sync-pill[data-phase="connected"]').waitFor();
  }

  async close(): Promise<void> {
    await this.#profile.close();
    await this.wire.close();
  }
}
