// Prints what OpNodeProvider reads at the URL given, numbers as numbers.
const { OpNodeProvider } = require("@eth-optimism/core-utils");

const provider = new OpNodeProvider(process.argv[2]);
const number = (_, value) => (value?.type === "BigNumber" ? Number(value.hex) : value);

Promise.all([provider.syncStatus(), provider.rollupConfig()])
  .then(([status, config]) => ({ status, config }))
  .catch((error) => ({ error: error.message }))
  .then((answer) => console.log("answer " + JSON.stringify(answer, number)));
