-- Neovim 0.11 or later. Copy this file to ~/.config/nvim/lsp/cell.lua, and add to init.lua:
--   vim.filetype.add({ extension = { cell = "cell" } })
--   vim.lsp.enable("cell")
return {
  cmd = { "cell", "lsp" },
  filetypes = { "cell" },
  root_markers = { ".git" },
  -- The images for which networks are built.
  init_options = { input = "32x32x3", classes = 10 },
}
