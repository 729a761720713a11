/** Light, dark, or what the system says. */
import { Moon, Sun, SunMoon } from "lucide-react";
import { type ReactNode, useState } from "react";

const KEY = "tidelock-inbox:theme";
const THEMES = ["system", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];
const ICONS = { system: SunMoon, light: Sun, dark: Moon };

export function applySavedTheme(): void {
  document.documentElement.dataset["theme"] = savedTheme();
}

export function ThemeButton(): ReactNode {
  const [theme, setTheme] = useState(savedTheme);
  const Icon = ICONS[theme];
  const next = (): void => {
    const chosen = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
    localStorage.setItem(KEY, chosen);
    setTheme(chosen);
    applySavedTheme();
  };
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={`Theme: ${theme}`}
      title={`Theme: ${theme}`}
      onClick={next}
    >
      <Icon size={17} />
    </button>
  );
}

function savedTheme(): Theme {
  return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? "system";
}
