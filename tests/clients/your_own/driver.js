// The same in JavaScript: the test puts the client in front of this.
const [url, installed, group, file] = process.argv.slice(2);
latest(url).then((manifest) => {
  const found = update(manifest, installed, Number(group));
  const right = found ? isRight(found, require("node:fs").readFileSync(file)) : null;
  console.log(JSON.stringify({ found: found?.url ?? null, right }));
  process.exit();
});
