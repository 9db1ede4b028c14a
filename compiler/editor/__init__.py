"""The language server: what an editor shows about a `.cell` text while a person writes it."""
