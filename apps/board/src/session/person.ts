/**
 * Who sits at a slot: a name that people see, a role, and the user id that the slot's device is registered to. One device
 * belongs to one user, so the id stays with the slot; the name and the role may change.
 */
import { type Role, ROLES } from "../schema.ts";
import type { Slot } from "./slots.ts";

export interface Person {
  readonly user: string;
  readonly name: string;
  readonly role: Role;
}

const MAX_NAME_LENGTH = 40;
const KEY = /^tidelock-board:(\d+):person$/;

const NAMES = [
  ["Ada", "Alma", "Anton", "Bea", "Bruno", "Clara", "Dario", "Edith", "Emil", "Freya", "Hugo", "Ida", "Ilse", "Ivo"],
  ["Juno", "Kaya", "Leif", "Lotte", "Maren", "Nils", "Olga", "Oskar", "Pia", "Quinn", "Rosa", "Runa", "Sven", "Tilda"],
].flat();

export function randomName(): string {
  return NAMES[Math.floor(Math.random() * NAMES.length)] ?? "Ada";
}

export function personOf(slot: Slot): Person | null {
  return personAt(slot.number);
}

/** Keeps the slot's person, with a new user id if there was none. */
export function savePerson(slot: Slot, { name, role }: Pick<Person, "name" | "role">): Person {
  const user = personOf(slot)?.user ?? `u-${crypto.randomUUID().slice(0, 13)}`;
  const person = { user, name: name.trim().slice(0, MAX_NAME_LENGTH), role };
  localStorage.setItem(`tidelock-board:${slot.number}:person`, JSON.stringify(person));
  return person;
}

/** The slots of this browser that ever had a person. */
export function usedSlots(): number[] {
  const numbers = Object.keys(localStorage).flatMap((key) => KEY.exec(key)?.[1] ?? []);
  return numbers.map(Number).sort((one, other) => one - other);
}

export function personAt(slot: number): Person | null {
  const text = localStorage.getItem(`tidelock-board:${slot}:person`);
  if (text === null) return null;
  try {
    const { user, name, role } = JSON.parse(text) as Partial<Person>;
    if (typeof user !== "string" || typeof name !== "string") return null;
    return { user, name, role: ROLES.find((known) => known === role) ?? "member" };
  } catch {
    return null;
  }
}
