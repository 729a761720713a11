/** Takes the tab offline, as a tunnel would: writing goes on, nothing is sent. */
import { type ReactNode, useState } from "react";
import { useSession } from "../session/board-session.tsx";

export function OfflineSwitch(): ReactNode {
  const session = useSession();
  const [isOff, setOff] = useState(session.startsOffline);
  const change = (next: boolean): void => {
    setOff(next);
    session.switchOffline(next);
  };
  return (
    <label className="switch" title="Work without the server">
      <input type="checkbox" role="switch" checked={isOff} onChange={(event) => change(event.target.checked)} />
      <span>Offline</span>
    </label>
  );
}
