/** How safe the device's own copy is, said plainly, and the way to make it safer. */
import type { Durability } from "@tidelock/client";
import { useSyncStatus } from "@tidelock/client/react";
import { Database, ShieldCheck, TriangleAlert } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useSession } from "../session/board-session.tsx";

const FACTS = {
  "durable": { icon: ShieldCheck, name: "Durable", text: "The browser keeps this copy until you remove it." },
  "best-effort": {
    icon: Database,
    name: "Best effort",
    text: "On this device's disk. The browser may remove it when space runs out.",
  },
  "memory": { icon: TriangleAlert, name: "Memory only", text: "Unsent changes are lost when this page is closed." },
} as const satisfies Record<Durability, object>;

export function StorageFacts(): ReactNode {
  const { storage } = useSyncStatus();
  const { slot } = useSession();
  const [isPersisted, setPersisted] = useState(false);
  const { icon: Icon, name, text } = FACTS[isPersisted ? "durable" : storage];
  return (
    <footer className="drawer-foot">
      <Icon size={18} aria-hidden="true" />
      <div>
        <p>
          <strong>{name}</strong> <span className="is-faint">{slot.store}</span>
        </p>
        <p className="is-soft">{text}</p>
        {!isPersisted && storage === "best-effort" ? (
          <button type="button" className="link-button" onClick={() => void askToPersist().then(setPersisted)}>
            Ask the browser to keep it
          </button>
        ) : null}
      </div>
    </footer>
  );
}

async function askToPersist(): Promise<boolean> {
  return navigator.storage.persist().catch(() => false);
}
