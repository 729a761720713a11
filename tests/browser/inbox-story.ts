/** One morning at the ferry company: everything that waits for a decision when Mira opens the inbox. */
import { create, type InboxWorld, remove, update } from "./inbox-world.ts";

const HOUR_MS = 60 * 60 * 1000;

/** @param now the morning's time, milliseconds */
export async function tellStory(world: InboxWorld, now: number): Promise<void> {
  const day = new Date(now).setHours(0, 0, 0, 0) + 24 * HOUR_MS;
  await world.write(
    "jonas",
    [
      create("ships", "sula", { name: "MS Sula", seats: 214 }),
      create("ships", "holm", { name: "MS Holm", seats: 96 }),
      create("notices", "storm", {
        title: "Storm on Friday",
        text: "All ferries stop on Friday at 14:00. The last boat from Sula leaves at 13:10. Tickets are refunded at the harbour office.",
        piers: ["Holm", "Sula", "Ytre"],
        author: "noor",
        isUrgent: true,
      }),
      create("notices", "ramp", { title: "The ramp at Holm", text: "The ramp is steep at low tide.", piers: ["Holm"] }),
      create("fares", "day", {
        name: "Day ticket, adult",
        price: 24.5,
        isRefundable: false,
        code: "DAY-A",
        conditions: { transfers: 2, zones: ["A", "B"], bicycle: false },
      }),
      create("fares", "bicycle", { name: "Bicycle", price: 6, code: "BIKE", validFrom: day + 9 * 24 * HOUR_MS }),
      create("departures", "early", {
        name: "Holm – Sula, the early boat",
        leavesAt: day + 7.5 * HOUR_MS,
        gate: "north_pier",
        ship: "holm",
        stops: ["Holm", "Ytre", "Sula"],
        seats: 96,
      }),
      create("departures", "night", {
        name: "Night boat to Ytre",
        leavesAt: day + 23 * HOUR_MS,
        gate: "car_deck",
        ship: "sula",
        stops: ["Sula", "Ytre"],
        seats: 214,
      }),
    ],
    { hoursAgo: 70 },
  );
  await world.write("noor", [update("notices", "storm", { isUrgent: false })], { hoursAgo: 26 });

  await world.conflict("notices", "storm", "text", [
    [
      "noor",
      "All ferries stop on Friday at noon. The last boat from Sula leaves at 11:40. Tickets are refunded in the app.",
      2.2,
    ],
    [
      "mira",
      "All ferries stop on Friday at 14:00. The last boat from Sula leaves at 13:10, the last one from Ytre at 12:30. Tickets are refunded at the harbour office until Sunday.",
      1.4,
    ],
  ]);
  await world.conflict("departures", "early", "leavesAt", [
    ["jonas", day + 7 * HOUR_MS, 5],
    ["tomas", day + 8.25 * HOUR_MS, 3.1],
    ["noor", day + 6.75 * HOUR_MS, 1],
  ]);
  await world.conflict("departures", "early", "gate", [
    ["jonas", "south_pier", 4],
    ["noor", "car_deck", 2],
  ]);
  await world.conflict("fares", "day", "price", [
    ["tomas", 26, 7],
    ["jonas", 22.5, 6],
  ]);
  await world.conflict("fares", "day", "isRefundable", [
    ["noor", true, 9],
    ["tomas", false, 8],
  ]);
  await world.conflict("fares", "day", "conditions", [
    ["noor", { transfers: 3, zones: ["A", "B"], bicycle: false }, 9],
    ["jonas", { transfers: 2, zones: ["A", "B", "C"], bicycle: true }, 8],
  ]);
  await world.conflict("fares", "bicycle", "validFrom", [
    ["mira", day + 12 * 24 * HOUR_MS, 20],
    ["tomas", day + 7 * 24 * HOUR_MS, 16],
  ]);
  await world.conflict("notices", "ramp", "text", [
    ["tomas", "The ramp is steep at low tide. Wheelchairs board at the south pier.", 4.4],
    ["jonas", "The ramp is too steep for wheelchairs below 0.4 m. Ask the crew.", 4.1],
  ]);
  // The night boat: one adds a stop, another calls it off.
  const seen = await world.write("mira", [], {});
  await world.write("noor", [remove("departures", "night")], { seen, hoursAgo: 3 });
  await world.write(
    "tomas",
    [update("departures", "night", { stops: { add: ["Holm"] }, seats: 180, leavesAt: day + 23.5 * HOUR_MS })],
    { seen, hoursAgo: 2.5 },
  );
}
