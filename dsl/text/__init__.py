"""`.cell` text: read, printed, laid out and coloured."""
