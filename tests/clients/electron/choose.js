// The choice of electron-updater itself, without a network: each case is a channel file and a computer. Prints the URL of
// the file that the computer would download, null for none, or the error.
//
// node choose.js < [{"document", "system", "arch", "kernel", "version", "package"}] → one line of JSON.

"use strict"

const Module = require("module")
const os = require("os")

const load = Module._load
const squirrelMac = Object.assign(new (require("events"))(), { setFeedURL() {}, checkForUpdates() {} })
Module._load = (name, ...rest) => (name === "electron" ? { app: {}, autoUpdater: squirrelMac } : load(name, ...rest))

// It asks `sysctl` and `uname` for Apple silicon as well as Node.js. Here only Node.js knows.
require("child_process").execFileSync = () => {
  throw new Error("not a Mac")
}

let kernel = ""
os.release = () => kernel

const { parseUpdateInfo, resolveFiles } = require("electron-updater/out/providers/Provider")
const { parse } = require("semver")
const PLATFORMS = { windows: "win32", macos: "darwin", linux: "linux" }
const UPDATERS = {
  ...{ windows: "NsisUpdater", macos: "MacUpdater", appimage: "AppImageUpdater", deb: "DebUpdater" },
  ...{ rpm: "RpmUpdater", pacman: "PacmanUpdater" },
}

async function choice(asked) {
  Object.defineProperty(process, "platform", { value: PLATFORMS[asked.system] })
  Object.defineProperty(process, "arch", { value: asked.arch })
  kernel = asked.kernel
  const name = UPDATERS[asked.package || asked.system]
  const Updater = require(`electron-updater/out/${name}`)[name]
  let chosen = null
  const updater = Object.assign(Object.create(Updater.prototype), {
    _logger: { info() {}, warn() {}, debug() {} },
    debug() {},
    currentVersion: parse(asked.version),
    allowDowngrade: false,
    isUpdateSupported: info => Updater.prototype.checkIfUpdateSupported.call(updater, info),
    isUserWithinRollout: () => true,
    executeDownload: options => {
      chosen = options.fileInfo ? String(options.fileInfo.url) : null
      return []
    },
  })
  const info = parseUpdateInfo(asked.document, "latest.yml", "https://updates.example.com/latest.yml")
  const provider = { resolveFiles: found => resolveFiles(found, new URL("https://updates.example.com/")) }
  if (!(await updater.isUpdateAvailable(info))) return { file: null }
  await updater.doDownloadUpdate({ updateInfoAndProvider: { info, provider } })
  return { file: chosen, version: info.version }
}

async function main() {
  const found = []
  for (const asked of JSON.parse(require("fs").readFileSync(0))) {
    found.push(await choice(asked).catch(error => ({ file: null, error: error.code || error.message })))
  }
  process.stdout.write(JSON.stringify(found), () => process.exit(0))
}

main()
