import js from "@eslint/js";

export default [
  js.configs.recommended,
  {
    files: ["static/*.js"],
    languageOptions: {
      ecmaVersion: 2022,
      sourceType: "module",
      globals: Object.fromEntries(
        [
          "addEventListener", "atob", "Blob", "clearTimeout", "console", "CSS", "DecompressionStream", "devicePixelRatio", "document", "fetch",
          "getComputedStyle", "history", "innerHeight", "innerWidth", "location", "matchMedia", "MutationObserver", "navigator", "parent",
          "performance", "requestAnimationFrame", "ResizeObserver", "Response", "setTimeout", "structuredClone", "URL",
          "URLSearchParams", "window",
        ].map((name) => [name, "readonly"]),
      ),
    },
    rules: {
      eqeqeq: "error",
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({
          property,
          message: "Texts of a store are shown as text; use `element` and `fill`.",
        })),
      ],
      "no-var": "error",
      "prefer-const": "error",
    },
  },
];
