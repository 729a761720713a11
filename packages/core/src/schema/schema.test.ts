import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TidelockError } from "../errors.ts";
import { MAX_FIELDS } from "../limits.ts";
import {
  type AnyField,
  collection,
  type CollectionName,
  type CreateOf,
  defineSchema,
  type EntityOf,
  type UpdateOf,
} from "./schema.ts";
import { field } from "./field.ts";

const schema = defineSchema({
  version: 3,
  collections: {
    people: collection({ name: field.string() }),
    tasks: collection(
      {
        title: field.string(),
        done: field.boolean().default(false),
        priority: field.integer().optional(),
        state: field.enum(["todo", "doing"]),
        owner: field.reference("people").optional(),
        extra: field.json<{ readonly color: string }>(),
      },
      { ids: "server" },
    ),
  },
});

// ── types: these lines are the test; they do not compile when inference is wrong ───────────────────────────────────

type Equal<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false;
/** The members of an intersection as one object. */
type Flat<Type> = { [Key in keyof Type]: Type[Key] };
function holds<_Claim extends true>(): void {}

describe("types", () => {
  test("of an entity have every field, read-only, with null where it is optional", () => {
    holds<
      Equal<
        Flat<EntityOf<typeof schema, "tasks">>,
        {
          readonly id: string;
          readonly title: string;
          readonly done: boolean;
          readonly priority: number | null;
          readonly state: "todo" | "doing";
          readonly owner: string | null;
          readonly extra: { readonly color: string };
        }
      >
    >();
    holds<Equal<CollectionName<typeof schema>, "people" | "tasks">>();
  });

  test("of a create demand the fields without default, and no others", () => {
    const create: CreateOf<typeof schema, "tasks"> = { title: "a", state: "todo", extra: { color: "red" } };
    const full: CreateOf<typeof schema, "tasks"> = { ...create, id: "t1", done: true, priority: null, owner: "p1" };
    // @ts-expect-error -- title is missing
    const untitled: CreateOf<typeof schema, "tasks"> = { state: "todo", extra: { color: "red" } };
    // @ts-expect-error -- not one of the words
    const misspelt: CreateOf<typeof schema, "tasks"> = { ...create, state: "done" };
    // @ts-expect-error -- no such field
    const unknown: CreateOf<typeof schema, "people"> = { name: "a", age: 3 };
    // @ts-expect-error -- done is not optional: it has a default, but is never null
    const nothing: CreateOf<typeof schema, "tasks"> = { ...create, done: null };
    assert.equal([create, full, untitled, misspelt, unknown, nothing].length, 6);
  });

  test("of an update have every field, none of them demanded, and no id", () => {
    holds<Equal<Flat<UpdateOf<typeof schema, "people">>, { readonly name?: string }>>();
    const update: UpdateOf<typeof schema, "tasks"> = { priority: null };
    // @ts-expect-error -- an id never changes
    const renamed: UpdateOf<typeof schema, "tasks"> = { id: "t2" };
    // @ts-expect-error -- title is never null
    const untitled: UpdateOf<typeof schema, "tasks"> = { title: null };
    assert.equal([update, renamed, untitled].length, 3);
  });

  test("of a default and of names are checked where they are written", () => {
    // @ts-expect-error -- not a boolean
    void (() => field.boolean().default("no"));
    // @ts-expect-error -- not one of the words
    void (() => field.enum(["a", "b"]).default("c"));
    // @ts-expect-error -- no such collection
    holds<Equal<EntityOf<typeof schema, "projects">, never>>();
  });
});

// ── declarations ───────────────────────────────────────────────────────────────────────────────────────────────────

describe("a schema", () => {
  test("is what was declared, in the order of declaration", () => {
    assert.equal(schema.version, 3);
    assert.deepEqual([...schema.collections.keys()], ["people", "tasks", "tidelock.reviews"]);
    const tasks = schema.collections.get("tasks")!;
    assert.equal(tasks.ids, "server");
    assert.equal(schema.collections.get("people")?.ids, "client");
    assert.deepEqual(
      tasks.fields.map(({ name }) => name),
      ["title", "done", "priority", "state", "owner", "extra"],
    );
    assert.equal(tasks.byName.get("owner")?.collection, "people");
    assert.deepEqual(tasks.byName.get("state")?.values, ["todo", "doing"]);
    assert.equal(tasks.byName.get("done")?.default, false);
    assert.equal(tasks.byName.get("title")?.default, undefined);
  });

  test("may refer to a collection that is declared later, and to itself", () => {
    const cyclic = defineSchema({
      version: 1,
      collections: {
        a: collection({ b: field.reference("b"), a: field.reference("a").optional() }),
        b: collection({ a: field.reference("a") }),
      },
    });
    assert.deepEqual([...cyclic.collections.keys()], ["a", "b", "tidelock.reviews"]);
  });
});

describe("the hash of a schema", () => {
  const hash = (declared: AnyField, version: number = 1, name: string = "c"): string =>
    defineSchema({ version, collections: { [name]: collection({ f: declared }), other: collection({}) } }).hash;
  const plain = hash(field.string());

  test("is the same for the same declaration, also on another machine", () => {
    assert.equal(hash(field.string()), plain);
    assert.equal(plain, "21vbshzi8mz");
  });

  test("changes with everything that matters on the wire", () => {
    const others = [
      hash(field.string(), 2),
      hash(field.string(), 1, "d"),
      hash(field.string().optional()),
      hash(field.string().default("")),
      hash(field.number()),
      hash(field.integer()),
      hash(field.enum(["a"])),
      hash(field.enum(["a", "b"])),
      hash(field.reference("other")),
      hash(field.reference("c")),
    ];
    assert.equal(new Set([plain, ...others]).size, others.length + 1);
  });
});

describe("a declaration is refused with schema-invalid when", () => {
  const fields = (count: number): Record<string, AnyField> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, field.string()]));
  const one = (name: string, declared: Record<string, AnyField>, version: number = 1): unknown =>
    defineSchema({ version, collections: { [name]: collection(declared) } });

  for (const [what, declare, reason] of [
    ["its version is 0", () => one("c", {}, 0), /version/],
    ["its version is a fraction", () => one("c", {}, 1.5), /version/],
    ["its version is text", () => one("c", {}, "1" as unknown as number), /version/],
    ["a collection has no name", () => one("", {}), /cannot be called ""/],
    ["a collection's name has a space", () => one("my tasks", {}), /cannot be called "my tasks"/],
    ["a collection is called like a member of the client", () => one("status", {}), /cannot be called "status"/],
    ["a collection would make the client a promise", () => one("then", {}), /cannot be called "then"/],
    ["a collection is called constructor", () => one("constructor", {}), /cannot be called "constructor"/],
    ["a field is called id", () => one("c", { id: field.string() }), /c cannot have a field called "id"/],
    ["a field is called like a filter's word", () => one("c", { or: field.string() }), /called "or"/],
    ["a field is called hasOwnProperty", () => one("c", { hasOwnProperty: field.string() }), /called "hasOwnProperty"/],
    ["a field's name starts with an underscore", () => one("c", { _x: field.string() }), /called "_x"/],
    [
      "a reference points nowhere",
      () => one("c", { r: field.reference("gone") }),
      /c\.r refers to the collection gone/,
    ],
    [
      "a default is of another type",
      () => one("c", { n: field.integer().default(1.5) }),
      /default of c\.n must be a whole number/,
    ],
    [
      "a default is not well-formed",
      () => one("c", { s: field.string().default("\ud800") }),
      /default of c\.s must be well-formed/,
    ],
    [
      "a default is too deep",
      () => one("c", { j: field.json().default(deep(33)) }),
      /default of c\.j must be plain JSON/,
    ],
    ["it has too many fields", () => one("c", fields(MAX_FIELDS + 1)), /257 fields; the most is 256/],
  ] as ReadonlyArray<readonly [string, () => unknown, RegExp]>) {
    test(what, () => {
      assert.throws(declare, (error) => {
        assert.ok(error instanceof TidelockError);
        assert.equal(error.code, "schema-invalid");
        assert.match(error.detail, reason);
        return true;
      });
    });
  }

  test("but not at the limit", () => {
    one("c", fields(MAX_FIELDS));
    one("c", { j: field.json().default(deep(32)) });
  });

  function deep(levels: number): readonly [] {
    let value: unknown = [];
    for (let level = 1; level < levels; level++) value = [value];
    return value as [];
  }
});
