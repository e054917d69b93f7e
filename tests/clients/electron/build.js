// Writes an output folder as electron-builder does: its own code names the files and writes latest*.yml.
// Only the packing is left out: the content of each file comes from the job. Usage: node build.js < job.json
const fs = require("fs");
const path = require("path");
const { Arch } = require("builder-util");
const { Platform } = require("app-builder-lib");
const { PlatformPackager } = require("app-builder-lib/out/platformPackager");
const { NsisTarget } = require("app-builder-lib/out/targets/nsis/NsisTarget");
const { createUpdateInfoTasks, writeUpdateInfoFiles } = require("app-builder-lib/out/publish/updateInfoBuilder");

const job = JSON.parse(fs.readFileSync(0, "utf-8"));

// A packager with everything that names and feeds read, and without an app to pack.
function packagerFor(platform) {
  const appInfo = {
    name: job.name, version: job.version, productName: job.productName,
    sanitizedProductName: job.productName, productFilename: job.productName,
  };
  const info = { buildResourcesDir: job.out, metadata: { dependencies: {} } };
  const values = { platform, info, appInfo, config: {}, metadata: info.metadata, platformSpecificBuildOptions: {} };
  const properties = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));
  return Object.create(PlatformPackager.prototype, { ...properties, resourceList: { value: Promise.resolve([]) } });
}

// The names that each target asks for: `targets/nsis/NsisTarget.js`, `ArchiveTarget.js`, `AppImageTarget.js`, `FpmTarget.js`.
function nameOf(packager, target, arch) {
  if (target === "nsis" || target === "portable") {
    const nsis = Object.create(NsisTarget.prototype, { name: { value: target }, packager: { value: packager } });
    Object.defineProperty(nsis, "shouldBuildUniversalInstaller", { value: false });
    const pattern = nsis.installerFilenamePattern(arch);
    const file = packager.expandArtifactNamePattern({}, "exe", arch, pattern, false);
    return [file, nsis.generateGitHubInstallerName(arch)];
  }
  if (target === "zip") {
    const suffix = arch === Arch.x64 ? "" : "-${arch}";
    const pattern = "${productName}-${version}" + suffix + "-${os}.${ext}";
    const safe = packager.computeSafeArtifactName(
      packager.expandArtifactNamePattern({}, "zip", arch, pattern, false), "zip", arch, false, null,
      pattern.replace("${productName}", "${name}"));
    return [packager.expandArtifactNamePattern({}, "zip", arch, pattern, false), safe];
  }
  const isPackage = target === "deb" || target === "rpm";
  const pattern = target === "deb" ? "${name}_${version}_${arch}.${ext}" : isPackage ? "${name}-${version}.${arch}.${ext}" : undefined;
  const file = packager.expandArtifactNamePattern({}, target, arch, pattern, !isPackage);
  return [file, packager.computeSafeArtifactName(file, target, arch, !isPackage)];
}

async function main() {
  const tasks = [];
  const built = {};
  const packagers = { win: packagerFor(Platform.WINDOWS), mac: packagerFor(Platform.MAC), linux: packagerFor(Platform.LINUX) };
  for (const { os, target, arch, body } of job.targets) {
    const packager = packagers[os];
    const [name, safeArtifactName] = nameOf(packager, target, Arch[arch]);
    const file = path.join(job.out, name);
    fs.writeFileSync(file, Buffer.from(body, "base64"));
    built[name] = { os, target, arch };
    if (target === "portable" || (os === "win" && target !== "nsis")) continue; // `isWriteUpdateInfo` is false
    const event = { file, arch: Arch[arch], packager, target: { outDir: job.out }, safeArtifactName };
    tasks.push(...(await createUpdateInfoTasks(event, [{ provider: job.provider, owner: "o", repo: "r", url: "https://x.example" }])));
  }
  await writeUpdateInfoFiles(tasks, { emitArtifactCreated: async () => {} });
  console.log(JSON.stringify(built));
}

main().catch((error) => { console.error(error); process.exit(1); });
