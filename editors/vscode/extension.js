// @ts-check
// The extension starts the language server of the project, `cell lsp`, and passes the settings of the editor to it.

const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

/** @type {LanguageClient | undefined} */
let client;

/** Starts the language server when the first .cell file is opened. */
async function activate() {
  const settings = workspace.getConfiguration("amoeba");
  const [command, ...args] = settings.get("command", ["cell", "lsp"]);
  client = new LanguageClient(
    "amoeba",
    "Amoeba",
    { command, args },
    {
      documentSelector: [{ scheme: "file", language: "cell" }],
      initializationOptions: {
        input: settings.get("input", "32x32x3"),
        classes: settings.get("classes", 10),
      },
    },
  );
  await client.start();
}

/** Ends the language server. */
async function deactivate() {
  await client?.stop();
}

module.exports = { activate, deactivate };
