/** Texts of a page that are hard to read: contrast below 4.5 : 1 (WCAG 2.2, success criterion 1.4.3), as the browser draws them. */
import type { Page } from "playwright-core";

const MIN_CONTRAST = 4.5;

export function faintTexts(page: Page): Promise<string[]> {
  return page.evaluate((least) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [1, 1];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (context === null) throw new Error("there is no canvas");
    /** Any colour that CSS can name, over an opaque one. */
    const mixed = (color: string, under: readonly number[]): number[] => {
      context.fillStyle = `rgb(${under.join(",")})`;
      context.fillRect(0, 0, 1, 1);
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
      return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
    };
    const ground = (element: Element | null): number[] =>
      element === null
        ? [255, 255, 255]
        : mixed(getComputedStyle(element).backgroundColor, ground(element.parentElement));
    const luminance = (color: readonly number[]): number => {
      const [red = 0, green = 0, blue = 0] = color.map((value) =>
        value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
      );
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const hasText = (element: Element): boolean =>
      [...element.childNodes].some(
        (node) => node.nodeType === Node.TEXT_NODE && (node.textContent ?? "").trim() !== "",
      );
    const isShown = (element: Element): boolean =>
      element instanceof HTMLElement &&
      element.offsetParent !== null &&
      !element.closest(":disabled, .visually-hidden");
    return [...document.querySelectorAll("body *")]
      .filter((element) => hasText(element) && isShown(element))
      .flatMap((element) => {
        const below = ground(element);
        const both = [luminance(below), luminance(mixed(getComputedStyle(element).color, below))];
        const contrast = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
        const text = (element.textContent ?? "").slice(0, 30);
        return contrast < least ? [`${contrast.toFixed(2)} ${element.className} “${text}”`] : [];
      });
  }, MIN_CONTRAST);
}
