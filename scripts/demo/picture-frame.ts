/** Puts pictures of windows side by side on one ground, with the corners and shadows that windows have. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser } from "playwright-core";

export interface FramedWindow {
  readonly image: Buffer;
  /** Below the window. */
  readonly caption: string;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

const GAP = 32;
const MARGIN = 40;
const CAPTION = 34;
const FONT = "@fontsource-variable/figtree/files/figtree-latin-wght-normal.woff2";

export async function framed(browser: Browser, windows: readonly FramedWindow[], size: Size): Promise<Buffer> {
  const hasCaptions = windows.some(({ caption }) => caption !== "");
  const width = windows.length * size.width + (windows.length - 1) * GAP + 2 * MARGIN;
  const height = size.height + 2 * MARGIN + (hasCaptions ? CAPTION : 0);
  const page = await browser.newPage({ viewport: { width, height }, deviceScaleFactor: 1 });
  await page.setContent(
    `<!doctype html><style>${style()}</style>${windows.map((each) => figure(each, size)).join("")}`,
  );
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
  const picture = await page.screenshot();
  await page.close();
  return picture;
}

function figure({ image, caption }: FramedWindow, { width, height }: Size): string {
  const source = `data:image/png;base64,${image.toString("base64")}`;
  const words = caption === "" ? "" : `<figcaption>${caption}</figcaption>`;
  return `<figure><img src="${source}" width="${width}" height="${height}">${words}</figure>`;
}

function style(): string {
  const board = createRequire(join(import.meta.dirname, "../../apps/board/package.json"));
  const font = readFileSync(board.resolve(FONT)).toString("base64");
  return `
    @font-face { font-family: Figtree; font-weight: 300 900; src: url(data:font/woff2;base64,${font}); }
    body { margin: 0; height: 100vh; display: flex; gap: ${GAP}px; align-items: center; justify-content: center;
      background: linear-gradient(155deg, #d5e7eb, #a9cbd6 55%, #86b5c4); font: 600 17px/1 Figtree; color: #123c4c; }
    figure { margin: 0; text-align: center; }
    figcaption { margin-top: ${CAPTION / 2}px; }
    img { display: block; border-radius: 14px;
      box-shadow: 0 18px 50px rgb(10 50 70 / 0.25), 0 2px 6px rgb(10 50 70 / 0.16); }`;
}
