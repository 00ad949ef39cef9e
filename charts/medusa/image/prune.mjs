/**
 * Takes out of `node_modules` what the running server does not need: what is there for development
 * or for the building of the admin, type declarations, and maps of sources that are not there.
 *
 * Usage: node prune.mjs FOLDER
 */

import { existsSync, readFileSync, readdirSync, rmSync } from "node:fs"
import path from "node:path"

/** Dependencies that a package uses to build its half of the admin; null means all of them. */
const BUILD_ONLY = {
  "@medusajs/admin-bundler": [
    "@medusajs/admin-vite-plugin",
    "@medusajs/dashboard",
    "@vitejs/plugin-react",
    "autoprefixer",
    "postcss",
    "tailwindcss",
    "vite",
  ],
  "@medusajs/draft-order": null,
}

const USELESS = /\.(map|d\.[mc]?ts|tsbuildinfo)$/

const folder = process.argv[2]
if (folder === undefined) {
  throw new Error("Usage: node prune.mjs FOLDER")
}
process.chdir(folder)

const installed = JSON.parse(readFileSync("node_modules/.package-lock.json", "utf8")).packages
const wanted = Object.keys(JSON.parse(readFileSync("package.json", "utf8")).dependencies)

/** The folder that Node finds a package in, seen from another package's folder. */
function resolve(from, name) {
  const within = from.split("/node_modules/")
  for (let depth = within.length; depth > 0; depth--) {
    const candidate = `${within.slice(0, depth).join("/node_modules/")}/node_modules/${name}`
    if (candidate in installed) {
      return candidate
    }
  }
  const top = `node_modules/${name}`
  return top in installed ? top : null
}

const needed = new Set()
const open = wanted.map((name) => ["", name])
for (let next = open.pop(); next !== undefined; next = open.pop()) {
  const [from, name] = next
  const place = resolve(from, name)
  if (place === null || needed.has(place)) {
    continue
  }
  needed.add(place)
  const about = installed[place]
  const buildOnly = name in BUILD_ONLY ? BUILD_ONLY[name] : []
  for (const kind of ["dependencies", "optionalDependencies", "peerDependencies"]) {
    for (const dependency of Object.keys(about[kind] ?? {})) {
      const dispensable = about.peerDependenciesMeta?.[dependency]?.optional === true
      if (buildOnly !== null && !buildOnly.includes(dependency) && !dispensable) {
        open.push([place, dependency])
      }
    }
  }
}

const superfluous = Object.keys(installed).filter((place) => !needed.has(place))
for (const place of superfluous) {
  // One that is needed may lie within one that is not.
  if (![...needed].some((other) => other.startsWith(`${place}/`))) {
    rmSync(place, { recursive: true, force: true })
  }
}
for (const entry of readdirSync("node_modules", { recursive: true, withFileTypes: true })) {
  const file = path.join(entry.parentPath, entry.name)
  if (entry.isFile() ? USELESS.test(entry.name) : entry.isSymbolicLink() && !existsSync(file)) {
    rmSync(file)
  }
}
console.log(`Kept ${needed.size} packages, took out ${superfluous.length}.`)
