// The driver in JavaScript: the test writes the client above this code.
const [url, installed, group, file] = process.argv.slice(2);
latest(url).then((manifest) => {
  const found = update(manifest, installed, Number(group));
  const right = found ? isRight(found, require("node:fs").readFileSync(file)) : null;
  console.log(JSON.stringify({ found: found?.url ?? null, right }));
  process.exit();
});
