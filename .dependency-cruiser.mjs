/**
 * Which part may import which. Imports go one way (docs/ARCHITECTURE.md):
 * core ← engines ← ports and adapters ← runtime ← api, react, cli, admin ← apps.
 */
const TEST = "\\.(test|long|fuzz|bench)\\.tsx?$";
const production = (path) => ({ path, pathNot: TEST });

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    {
      name: "no-cycles",
      comment: "Two files that need each other are one concern, or hide a third.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-unresolvable",
      comment: "The import leads nowhere: a wrong path, a missing .ts ending, or a package that is not installed.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: "core-is-alone",
      comment: "Core is pure: it imports nothing outside itself, no package and nothing of Node.",
      severity: "error",
      from: production("^packages/core/src/"),
      to: { pathNot: "^packages/core/src/" },
    },
    {
      name: "core-base-is-lowest",
      severity: "error",
      from: production("^packages/core/src/base/"),
      to: { pathNot: "^packages/core/src/base/" },
    },
    {
      name: "core-goes-up",
      comment: "base ← ids, errors, limits, time, version ← schema, crdt, mutation, resolve, filter ← protocol.",
      severity: "error",
      from: production("^packages/core/src/((time|version)/|(ids|errors|limits)\\.ts$)"),
      to: { path: "^packages/core/src/(schema|crdt|mutation|resolve|filter|protocol)/" },
    },
    {
      name: "core-protocol-is-on-top",
      severity: "error",
      from: production("^packages/core/src/(schema|crdt|mutation|resolve|filter)/"),
      to: { path: "^packages/core/src/protocol/" },
    },
    {
      name: "engines-import-only-core",
      comment: "An engine is told everything by its inputs. The two engines never see each other.",
      severity: "error",
      from: production("^packages/(client|server)/src/engine/"),
      to: { pathNot: "^packages/(core/src|$1/src/engine)/" },
    },
    {
      name: "adapters-stay-below",
      comment: "Stores, transports, storages, buses and gateways are driven by the runtime, not the other way round.",
      severity: "error",
      from: production("^packages/(client|server)/src/(store|transport|storage|bus|gateway)/"),
      to: { path: "^packages/$1/src/(runtime|api|cli|react|admin|index\\.ts$)" },
    },
    {
      name: "runtime-stays-below",
      severity: "error",
      from: production("^packages/(client|server)/src/runtime/"),
      to: { path: "^packages/$1/src/(api|cli|react|admin|index\\.ts$)" },
    },
    {
      name: "client-and-server-are-strangers",
      comment: "They share core and nothing else.",
      severity: "error",
      from: production("^packages/(client|server)/src/"),
      to: { path: "^packages/(client|server)/src/", pathNot: "^packages/$1/src/" },
    },
    {
      name: "nothing-imports-testkit",
      comment: "Only tests, benchmarks, apps and scripts do.",
      severity: "error",
      from: production("^packages/(core|client|server)/"),
      to: { path: "^packages/testkit/" },
    },
    {
      name: "nothing-imports-tests",
      severity: "error",
      from: production("^(packages|apps|scripts|bench)/"),
      to: { path: TEST },
    },
    {
      name: "packages-by-name",
      comment: "Another package is imported by its name and a door of its exports, not by a path into its folder.",
      severity: "error",
      from: { path: "^(?:packages/([^/]+)|apps|bench|scripts|tests)/" },
      to: {
        path: "^packages/",
        pathNot: "^packages/$1/",
        dependencyTypes: ["local"],
        dependencyTypesNot: ["aliased-workspace"],
      },
    },
    {
      name: "declared-dependencies",
      comment: "What a package ships must be in its own dependencies or peerDependencies.",
      severity: "error",
      from: production("^packages/[^/]+/src/"),
      // A peer is a development dependency as well, so that its types and tests are there.
      to: {
        dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown", "npm-optional"],
        dependencyTypesNot: ["npm-peer"],
      },
    },
  ],
  options: {
    doNotFollow: { path: ["node_modules", "/dist/"] },
    exclude: { path: ["/dist/"] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["@tidelock/source", "types", "import", "node", "default"],
      extensions: [".ts", ".tsx", ".js", ".mjs", ".json"],
    },
  },
};
