// Copies the TextMate grammar of the language into the built extension. A test keeps the grammar equal to the language.

const { copyFileSync } = require("node:fs");
const { join } = require("node:path");

const grammar = "cell.tmLanguage.json";
copyFileSync(join(__dirname, "..", "..", "dsl", "editors", grammar), join(__dirname, "dist", grammar));
