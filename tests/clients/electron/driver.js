// electron-updater as an app has it, in plain Node: its own updaters, providers, checks and downloads. Only what Electron
// itself does is replaced: the app's name and version, and the network stack, by Node's.
//
// node driver.js '{"system", "url", "version", "folder", "download"}' → one line of JSON.

"use strict"

const fs = require("fs")
const http = require("http")
const https = require("https")
const Module = require("module")
const path = require("path")

const load = Module._load
const electron = { app: {}, net: {}, session: {}, autoUpdater: new (require("events"))() }
Module._load = (name, ...rest) => (name === "electron" ? electron : load(name, ...rest))

const { ElectronHttpExecutor } = require("electron-updater/out/electronHttpExecutor")

const PLATFORMS = { windows: "win32", macos: "darwin", linux: "linux" }
const UPDATERS = { windows: "NsisUpdater", macos: "MacUpdater", linux: "AppImageUpdater" }

class NodeExecutor extends ElectronHttpExecutor {
  createRequest(options, callback) {
    return (options.protocol === "https:" ? https : http).request(options, callback)
  }
}

async function main(asked) {
  const configuration = path.join(asked.folder, "app-update.yml")
  fs.writeFileSync(configuration, `provider: generic\nurl: ${asked.url}\nupdaterCacheDirName: app\n`)
  const app = {
    version: asked.version,
    name: "app",
    isPackaged: true,
    appUpdateConfigPath: configuration,
    userDataPath: asked.folder,
    baseCachePath: asked.folder,
    whenReady: () => Promise.resolve(),
    relaunch() {},
    quit() {},
    onQuit() {},
  }
  Object.defineProperty(process, "platform", { value: PLATFORMS[asked.system] })
  process.env.APPIMAGE = path.join(asked.folder, "installed.AppImage")
  const Updater = require(`electron-updater/out/${UPDATERS[asked.system]}`)[UPDATERS[asked.system]]
  const updater = new Updater(null, app)
  updater.logger = null
  updater.httpExecutor = new NodeExecutor()
  updater.setFeedURL({ provider: "generic", url: asked.url })
  updater.autoDownload = false
  updater.autoInstallOnAppQuit = false
  updater.on("error", () => {})
  const found = await updater.checkForUpdates()
  const provider = await updater.clientPromise
  const said = {
    isAvailable: found.isUpdateAvailable,
    version: found.updateInfo.version,
    notes: found.updateInfo.releaseNotes,
    files: provider.resolveFiles(found.updateInfo).map(file => String(file.url)),
  }
  if (asked.download && found.isUpdateAvailable) {
    const [downloaded] = await updater.downloadUpdate()
    said.downloaded = path.basename(downloaded)
    said.content = fs.readFileSync(downloaded).toString("base64")
  }
  return said
}

main(JSON.parse(process.argv[2]))
  .catch(error => ({ error: `${error.code || ""} ${error.message}` }))
  .then(said => {
    console.log(JSON.stringify(said))
    process.exit(0)
  })
